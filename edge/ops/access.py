"""Who may say and hear what at a branch's own broker: the daemon, each device, and the roles of the people; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from edge.access import Rule, User, checked, rules
from edge.ops.requests import VERBS

DAEMON: Final = "smartbranch"
_SHOWN: Final = (
    *("status", "uplink"),
    *(f"{kind}/#" for kind in ("queue", "counter", "occupancy", "door", "climate", "device", "alert", "advice", "event")),
)
_AT_A_COUNTER: Final = (
    *("issue_ticket", "call_next", "recall", "no_show", "transfer"),
    *("open_counter", "pause_counter", "close_counter"),
)
_ROLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "viewer": ("sees all and asks for nothing: screens, other programs", ()),
    "counter": ("works at a counter", _AT_A_COUNTER),
    "manager": ("runs the branch", (*_AT_A_COUNTER, "set_climate", "release_climate", "acknowledge_alert")),
    "engineer": ("looks after the equipment", VERBS),
}
_GATEWAYS: Final = {"zigbee2mqtt/": ("zigbee2mqtt", ("zigbee2mqtt/#",))}
"""Devices below these speak through one program, which is one user."""


def users(branch: str, own: Mapping[str, Sequence[str]], *, daemon: str = DAEMON, homeassistant: bool = False) -> list[User]:
    """Everyone at the broker of `branch`; `own` is each device's own topics (`DriverSettings.topics`), `daemon` who the daemon is.

    Raises:
        AccessError: a device's topic would open those of others.
    """
    speakers: dict[str, list[str]] = {}
    for device, topics in own.items():
        if topics:
            name, filters = _speaker(device, topics)
            speakers.setdefault(name, []).extend(checked(topic, device) for topic in filters)
    every = tuple(dict.fromkeys(topic for topics in speakers.values() for topic in topics))
    discovery = ("homeassistant/#",) if homeassistant else ()
    ourselves = User(daemon, rules("readwrite", f"branch/{branch}/#", *every, *discovery), "the daemon")
    devices = (User(name, rules("readwrite", *dict.fromkeys(topics)), "a device") for name, topics in speakers.items())
    return [ourselves, *devices, *(_role(branch, name) for name in _ROLES)]


def _speaker(device: str, topics: Sequence[str]) -> tuple[str, Sequence[str]]:
    for prefix, gateway in _GATEWAYS.items():
        if all(topic.startswith(prefix) for topic in topics):
            return gateway
    return f"device-{device}", topics


def _role(branch: str, name: str) -> User:
    what, verbs = _ROLES[name]
    root = f"branch/{branch}"
    asks = [rule for verb in verbs for rule in (Rule("write", f"{root}/request/{verb}"), Rule("read", f"{root}/response/{verb}"))]
    captures = rules("read", f"{root}/capture/#") if "capture" in verbs else ()
    return User(name, (*rules("read", *(f"{root}/{topic}" for topic in _SHOWN)), *asks, *captures), what)
