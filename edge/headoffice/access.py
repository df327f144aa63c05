"""Who may say and hear what at head office's broker: a branch its own line, head office all of them; pure."""

from __future__ import annotations

from typing import Final

from edge.access import Rule, User, rules
from edge.uplink.envelope import Channel, topic

HEADOFFICE: Final = "headoffice"
_DOWN: Final = tuple(channel for channel in Channel if channel is not Channel.EVENTS)

EVERY_BRANCH: Final[tuple[Rule, ...]] = (
    *rules("write", topic("%u", Channel.EVENTS)),
    *rules("read", *(topic("%u", channel) for channel in _DOWN)),
)
"""A branch is the user of its id: `%u` is that name, so that a new branch needs no new line."""


def headoffice() -> User:
    """The aggregator itself: the reverse, of every branch."""
    hears, says = rules("read", topic("+", Channel.EVENTS)), rules("write", *(topic("+", channel) for channel in _DOWN))
    return User(HEADOFFICE, (*hears, *says), "head office")
