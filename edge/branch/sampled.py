"""Sampled: what head office is told again and again: people each minute, climate each five minutes, a zone an event."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Quality
from edge.branch.course import Course
from edge.branch.state import People

_MINUTE_S: Final = 60
_CLIMATE_S: Final = 300


def settle(course: Course) -> None:
    """Once a second: samples when a minute, or five, began since the last; one however long the clock stood still."""
    before, now = course.state.ticked_at, course.now
    course.state = replace(course.state, ticked_at=now)
    if before is None or now <= before:
        return
    if now // _MINUTE_S != before // _MINUTE_S:
        _people(course)
    if now // _CLIMATE_S != before // _CLIMATE_S:
        _climate(course)


def _people(course: Course) -> None:
    for zone in course.plan.zones:
        people = course.state.occupancy.zones.get(zone, People())
        data = {"zone": zone, "people": people.people, "quality": people.quality.value, "sources": list(people.sources)}
        course.tell("occupancy.sampled", data)


def _climate(course: Course) -> None:
    for zone, readings in course.state.climate.readings.items():
        known = {quantity: reading.value for quantity, reading in readings.items() if reading.quality is not Quality.MISSING}
        missing = sorted(quantity for quantity, reading in readings.items() if reading.quality is Quality.MISSING)
        course.tell("climate.sampled", {"zone": zone, **known} | ({"missing": missing} if missing else {}))
