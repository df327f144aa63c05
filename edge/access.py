"""Access at a broker: who may say and hear what, and how Mosquitto is told so; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Way = Literal["read", "write", "readwrite"]
_NEVER_IN_A_TOPIC: Final = frozenset("+#\0\n\r")
_OURS: Final = ("branch", "headoffice", "homeassistant", "$SYS", "$share")


class AccessError(ValueError):
    """A topic cannot be given to one user alone; the text names it."""


class Rule(msgspec.Struct, frozen=True):
    """A topic filter, and whether messages of it may be heard (`read`), said (`write`) or both."""

    way: Way
    topic: str


class User(msgspec.Struct, frozen=True):
    """Who logs in, with all that is open to him; everything else is not."""

    name: str
    rules: tuple[Rule, ...]
    what: str  # for whoever reads the list


def rules(way: Way, *topics: str) -> tuple[Rule, ...]:
    """The same way for several topics."""
    return tuple(Rule(way, topic) for topic in topics)


def checked(topic: str, whose: str) -> str:
    """A topic filter of `whose` own: no wildcard but a last `#`, which may not be all there is.

    Raises:
        AccessError: it would open other people's topics too, or cannot stand in the list.
    """
    bare = topic.removesuffix("/#")
    if not bare or set(bare) & _NEVER_IN_A_TOPIC or bare != bare.strip() or bare.split("/", 1)[0] in _OURS:
        what = f"no wildcards, and not below {', '.join(_OURS[:3])}"
        raise AccessError(f"{whose}: the topic {topic!r} is not one device's alone; give it a topic with {what}")
    return topic


def acl_file(users: Iterable[User], everybody: Iterable[Rule] = ()) -> str:
    """Mosquitto's `acl_file` (mosquitto.conf(5)); in the rules for `everybody` `%u` is the user's name."""
    lines = ["# What is not listed is refused. Made by deploy/mosquitto/generate.py; read again on SIGHUP."]
    lines += [f"pattern {rule.way} {rule.topic}" for rule in everybody]
    for user in users:
        lines += ["", f"# {user.what}", f"user {user.name}", *(f"topic {rule.way} {rule.topic}" for rule in user.rules)]
    return "\n".join(lines) + "\n"
