"""Inside: people in the branch by its doors, put right when nobody can be there, for every counter drifts."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Quality
from edge.branch import doors
from edge.branch.course import Course

_EMPTY_FOR_S: Final = 600.0  # so long measured empty is empty
_CLOSED_FOR_S: Final = 1800.0  # so long after closing nobody is expected inside


def settle(course: Course) -> None:
    """Once a second: doors whose source went silent, and the drift of `inside`."""
    _silent(course)
    _empty(course)
    inside = course.state.occupancy.inside
    if inside and (why := _nobody(course)):
        course.tell("occupancy.corrected", {"inside": 0, "was": inside, "why": why})


def _silent(course: Course) -> None:
    for door_id, count in course.state.occupancy.doors.items():
        door = course.plan.doors.get(door_id)
        device = course.plan.devices.get(door.source) if door else None
        if device is not None and count.quality is not Quality.MISSING and device.is_silent(count.last_seen, course.now):
            course.set_occupancy(doors.missing(course.state.occupancy, door_id, count))


def _empty(course: Course) -> None:
    """Note since when every zone is measured and nobody is in any."""
    occupancy = course.state.occupancy
    zones = [occupancy.zones.get(zone) for zone in course.plan.zones]
    empty = bool(zones) and all(zone is not None and zone.quality is Quality.MEASURED and zone.people == 0 for zone in zones)
    if empty != (occupancy.empty_since is not None):
        course.set_occupancy(replace(occupancy, empty_since=course.now if empty else None))


def _nobody(course: Course) -> str | None:
    """Why nobody can be inside now; None when somebody may be."""
    occupancy, now, hours, zone = course.state.occupancy, course.now, course.plan.hours, course.plan.timezone
    if occupancy.empty_since is not None and now - occupancy.empty_since >= _EMPTY_FOR_S:
        return "measured empty"
    seen = any(people.people and people.quality is Quality.MEASURED for people in occupancy.zones.values())
    if seen or now - occupancy.crossed_at < _CLOSED_FOR_S or not any(hours.week):
        return None
    return None if hours.is_open(now, zone) or hours.is_open(now - _CLOSED_FOR_S, zone) else "closed"
