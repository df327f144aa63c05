"""Fleet: how much of the time each device was there, and how long it took to bring it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from devices.reading import Text
from edge.branch.plan import Device, Plan
from edge.event import Event

_DOWN: Final = ("device.offline", "device.faulty")
_UP: Final = ("device.online",)


class Availability(msgspec.Struct, frozen=True):
    """A device over the time that its state is known of; None where it never told a state."""

    id: str
    name: Text
    failures: int
    down_s: float
    known_s: float
    availability: float | None
    mean_time_to_repair_s: float | None  # of the failures that ended


def availability(plan: Plan, events: Sequence[Event], until: float) -> tuple[Availability, ...]:
    """Each device of the plan, over events in order of time; time counts up to the last event of all, at most `until`."""
    end = min(until, events[-1].t) if events else until
    return tuple(_of(device, (e for e in events if e.data.get("device") == device.id), end) for device in plan.devices.values())


def _of(device: Device, events: Iterable[Event], end: float) -> Availability:
    known_since: float | None = None
    down_since: float | None = None
    failures, down_s, repairs_s = 0, 0.0, list[float]()
    for event in events:
        if event.type not in (*_DOWN, *_UP, "device.stale"):
            continue
        known_since = event.t if known_since is None else known_since
        if event.type in _DOWN and down_since is None:
            failures, down_since = failures + 1, event.t
        elif event.type in _UP and down_since is not None:
            repairs_s.append(event.t - down_since)
            down_s, down_since = down_s + repairs_s[-1], None
    if down_since is not None:
        down_s += end - down_since
    known_s = 0.0 if known_since is None else end - known_since
    return Availability(
        device.id,
        device.name,
        failures,
        down_s,
        known_s,
        1.0 - down_s / known_s if known_s > 0 else None,
        sum(repairs_s) / len(repairs_s) if repairs_s else None,
    )
