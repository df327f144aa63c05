"""Air: how much of the opening hours CO2 and temperature were within their limits, by zone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.reading import Text
from edge.branch.plan import Plan, Zone
from edge.event import Event
from edge.rules.limits import Limits, limits


class Air(msgspec.Struct, frozen=True):
    """A zone, over its samples while open; None where nothing was measured."""

    id: str
    name: Text
    samples: int
    co2_within: float | None
    co2_max_ppm: float | None
    temperature_within: float | None
    temperature_min_c: float | None
    temperature_max_c: float | None


def air(plan: Plan, events: Sequence[Event]) -> tuple[Air, ...]:
    """Each zone of the plan."""
    limit = limits(plan)
    sampled = [e for e in events if e.type == "climate.sampled" and plan.hours.is_open(e.t, plan.timezone)]
    return tuple(_of(zone, [e for e in sampled if e.data.get("zone") == zone.id], limit) for zone in plan.zones.values())


def _of(zone: Zone, events: Sequence[Event], limit: Limits) -> Air:
    co2_ppm, temperature_c = _numbers(events, "co2_ppm"), _numbers(events, "temperature_c")
    low_c, high_c = limit.occupied_heat_c - limit.deadband_c, limit.occupied_cool_c + limit.deadband_c
    return Air(
        zone.id,
        zone.name,
        len(events),
        _share([value <= limit.co2_high_ppm for value in co2_ppm]),
        max(co2_ppm, default=None),
        _share([low_c <= value <= high_c for value in temperature_c]),
        min(temperature_c, default=None),
        max(temperature_c, default=None),
    )


def _numbers(events: Sequence[Event], quantity: str) -> list[float]:
    values = (event.data.get(quantity) for event in events)
    return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _share(held: Sequence[bool]) -> float | None:
    return sum(held) / len(held) if held else None
