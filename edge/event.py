"""Event: what became so in the branch, and the lane to head office that its type travels in."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec


class Lane(StrEnum):
    """Each lane has its own sequence, so that an alarm never waits behind a backlog."""

    ALARM = "alarm"
    BUSINESS = "business"
    BULK = "bulk"


class Event(msgspec.Struct, frozen=True):
    """What became so: durable, immutable; `t` is unix seconds, `v` the version of the type's `data`."""

    type: str
    t: float
    data: Mapping[str, Any]
    v: int = 1


_LANES: Final[Mapping[str, Lane]] = {
    "device.online": Lane.ALARM,
    "device.stale": Lane.ALARM,
    "device.faulty": Lane.ALARM,
    "device.offline": Lane.ALARM,
    "alert.raised": Lane.ALARM,
    "alert.cleared": Lane.ALARM,
    "clock.jumped": Lane.ALARM,
    "outbox.epoch_began": Lane.ALARM,
    "climate.sampled": Lane.BULK,
    "occupancy.sampled": Lane.BULK,
}


def lane_of(type_: str) -> Lane:
    """The lane of an event's type; it is fixed when the event is made."""
    return _LANES.get(type_, Lane.BUSINESS)
