"""Doors: people made of running totals; only a door's own source counts, the others are compared with it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Quality, Sample
from edge.branch import fleet
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
    """Make people of a total: of the door's own source an event, of another one a comparison."""
    counts, key = device.id == door.source, key_of(sample)
    known = (course.state.occupancy.totals if counts else course.state.occupancy.others).get(key)
    said = {"door": door.id, "direction": _DIRECTIONS[sample.quantity], "source": device.id, "part": sample.part, "total": total}
    people = None if known is None else people_between(known[0], total, course.now - known[1], sample.wraps_at)
    if known is not None and people is None:
        course.tell("door.counter_restarted", said | {"was": known[0], "counts": counts})
    elif known is None and counts:
        course.tell("door.counter_began", said)
    elif people and counts:
        course.tell("door.crossed", said | {"people": people})
        _compared(course, door)
    elif not counts:
        _compare(course, door, device, sample, people or 0)
    if known is None or people != 0 or not 0 <= course.now - known[1] < _GRAIN_S:
        _note(course, key, total, counts=counts)
    if counts:
        _seen(course, door, sample.quality)


def _note(course: Course, key: str, total: int, *, counts: bool) -> None:
    occupancy, noted = course.state.occupancy, (total, course.now)
    if counts:
        course.set_occupancy(replace(occupancy, totals={**occupancy.totals, key: noted}))
    else:
        course.set_occupancy(replace(occupancy, others={**occupancy.others, key: noted}))


def _seen(course: Course, door: Door, quality: Quality) -> None:
    occupancy = course.state.occupancy
    count = occupancy.doors.get(door.id, DoorCount())
    if count.quality is not quality or not 0 <= course.now - count.last_seen < _GRAIN_S:
        count = replace(count, quality=quality, last_seen=course.now)
        course.set_occupancy(replace(occupancy, doors={**occupancy.doors, door.id: count}))


def _unseen(course: Course, door: Door, device: Device) -> None:
    occupancy = course.state.occupancy
    count = occupancy.doors.get(door.id)
    if device.id == door.source and count is not None and count.quality is not Quality.MISSING:
        course.set_occupancy(missing(occupancy, door.id, count))


def missing(occupancy: OccupancyState, door: str, count: DoorCount) -> OccupancyState:
    """The door's source does not count just now."""
    return replace(occupancy, doors={**occupancy.doors, door: replace(count, quality=Quality.MISSING)})


def _compare(course: Course, door: Door, device: Device, sample: Sample, people: int) -> None:
    occupancy = course.state.occupancy
    key, count = f"{door.id}/{device.id}", occupancy.doors.get(door.id, DoorCount())
    fresh = Compared(in_before=count.in_today, out_before=count.out_today, since=course.now)
    known = occupancy.compared.get(key)
    if known is not None and not people:
        return
    known = known or fresh
    known = (
        replace(known, in_seen=known.in_seen + people)
        if sample.quantity == "in_total"
        else replace(known, out_seen=known.out_seen + people)
    )
    course.set_occupancy(replace(occupancy, compared={**occupancy.compared, key: known}))
    _compared(course, door)


def _compared(course: Course, door: Door) -> None:
    """Facts of the door's other sources: whom they saw, and how many more than the door's own that is."""
    found = differences(course.state.occupancy)
    for device, key in ((course.plan.devices.get(other), f"{door.id}/{other}") for other in door.others):
        if device and key in found:
            seen = course.state.occupancy.compared[key]
            for name, value in (("in_seen", seen.in_seen), ("out_seen", seen.out_seen), ("door_difference", found[key])):
                fleet.fact(course, device, name, value)


def differences(occupancy: OccupancyState) -> dict[str, int]:
    """By `door/device`: people that the other source saw more (or fewer) than the door's own, both ways together."""
    found = {}
    for key, seen in occupancy.compared.items():
        count = occupancy.doors.get(key.partition("/")[0], DoorCount())
        own = count.in_today - seen.in_before + count.out_today - seen.out_before
        found[key] = seen.in_seen + seen.out_seen - own
    return found
