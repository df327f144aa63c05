"""Doors: people made of running totals; only a door's own source counts, the others are compared with it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Quality, Sample
from edge.branch.course import Course
from edge.branch.plan import Device, Door
from edge.branch.state import Compared, DoorCount, OccupancyState
from edge.branch.zones import door_of

_MOST_A_MINUTE: Final = 200  # design 4.5: a larger step is a counter that began again
_SHORTEST_S: Final = 10.0  # between two totals: frames that come together are not a crowd
_GRAIN_S: Final = 10.0  # an unchanged total is noted again after so long
_DIRECTIONS: Final = {"in_total": "in", "out_total": "out"}


def counted(course: Course, device: Device, sample: Sample) -> None:
    """A running total was heard: nothing, people, or a counter that began or began again."""
    door = door_of(course.plan, device, sample.part)
    total = sample.value
    if door is None:
        return
    if (
        sample.quality is Quality.MISSING
        or isinstance(total, bool)
        or not isinstance(total, int | float)
        or total < 0
        or total != int(total)
    ):
        _unseen(course, door, device)
        return
    _step(course, door, device, sample, int(total))


def key_of(sample: Sample) -> str:
    """What a total is kept by."""
    return f"{sample.device}/{sample.part}/{sample.quantity}"


def people_between(before: int, total: int, elapsed_s: float, wraps_at: int | None) -> int | None:
    """People that passed from one total to the next; None where the counter must have begun again."""
    people = total - before
    if people < 0 and wraps_at:
        people += wraps_at
    return people if 0 <= people <= _MOST_A_MINUTE * max(elapsed_s, _SHORTEST_S) / 60 else None


def _step(course: Course, door: Door, device: Device, sample: Sample, total: int) -> None:
    key, direction = key_of(sample), _DIRECTIONS[sample.quantity]
    known = course.state.occupancy.totals.get(key)
    counts = device.id == door.source
    if known is None:
        said = {"door": door.id, "direction": direction, "source": device.id, "part": sample.part, "total": total}
        course.tell("door.counter_began", said)
    elif (people := people_between(known[0], total, course.now - known[1], sample.wraps_at)) is None:
        said = {"door": door.id, "direction": direction, "source": device.id, "part": sample.part, "total": total, "was": known[0]}
        course.tell("door.counter_restarted", said)
    elif people:
        if counts:
            _crossed(course, door, sample, total, people, direction)
        else:
            _compare(course, door, device, sample, total, people)
    elif not 0 <= course.now - known[1] < _GRAIN_S:
        _note(course, key, total)
    if counts:
        _seen(course, door)


def _crossed(course: Course, door: Door, sample: Sample, total: int, people: int, direction: str) -> None:
    said = {"door": door.id, "direction": direction, "people": people, "source": sample.device, "part": sample.part, "total": total}
    course.tell("door.crossed", said)


def _note(course: Course, key: str, total: int) -> None:
    occupancy = course.state.occupancy
    course.set_occupancy(replace(occupancy, totals={**occupancy.totals, key: (total, course.now)}))


def _seen(course: Course, door: Door) -> None:
    occupancy = course.state.occupancy
    count = occupancy.doors.get(door.id, DoorCount())
    if count.quality is not Quality.MEASURED or not 0 <= course.now - count.last_seen < _GRAIN_S:
        count = replace(count, quality=Quality.MEASURED, last_seen=course.now)
        course.set_occupancy(replace(occupancy, doors={**occupancy.doors, door.id: count}))


def _unseen(course: Course, door: Door, device: Device) -> None:
    occupancy = course.state.occupancy
    count = occupancy.doors.get(door.id)
    if device.id == door.source and count is not None and count.quality is not Quality.MISSING:
        course.set_occupancy(missing(occupancy, door.id, count))


def missing(occupancy: OccupancyState, door: str, count: DoorCount) -> OccupancyState:
    """The door's source does not count just now."""
    return replace(occupancy, doors={**occupancy.doors, door: replace(count, quality=Quality.MISSING)})


def _compare(course: Course, door: Door, device: Device, sample: Sample, total: int, people: int) -> None:
    _note(course, key_of(sample), total)
    occupancy = course.state.occupancy
    key, count = f"{door.id}/{device.id}", occupancy.doors.get(door.id, DoorCount())
    fresh = Compared(in_before=count.in_today, out_before=count.out_today, since=course.now)
    known = occupancy.compared.get(key, fresh)
    known = (
        replace(known, in_seen=known.in_seen + people)
        if sample.quantity == "in_total"
        else replace(known, out_seen=known.out_seen + people)
    )
    course.set_occupancy(replace(occupancy, compared={**occupancy.compared, key: known}))


def differences(occupancy: OccupancyState) -> dict[str, int]:
    """By `door/device`: people that the other source saw more (or fewer) than the door's own, both ways together."""
    found = {}
    for key, seen in occupancy.compared.items():
        count = occupancy.doors.get(key.partition("/")[0], DoorCount())
        own = count.in_today - seen.in_before + count.out_today - seen.out_before
        found[key] = seen.in_seen + seen.out_seen - own
    return found
