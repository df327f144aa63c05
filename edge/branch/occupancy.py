"""Occupancy: people by zone from several sources; measured beats inferred, and missing is not zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from devices.reading import Quality, Sample
from edge.branch.course import Course
from edge.branch.plan import Device, Plan
from edge.branch.state import BranchState, OccupancyState, People, Seen
from edge.branch.zones import zone_of

_GRAIN_S: Final = 10.0
_RANKS: Final[Mapping[str, int]] = {"people": 1, "waiting": 2, "presence": 3}
_CAMERA: Final = 0
_MEASURED_TO: Final = 1  # ranks above it see a part only, or no number: what follows from them is inferred


def sensed(course: Course, device: Device, sample: Sample) -> None:
    """People, people waiting or presence was heard of a zone."""
    zone = zone_of(course.plan, device, sample.part)
    if zone is None:
        return
    rank = _CAMERA if device.kind == "camera" and sample.quantity == "people" else _RANKS[sample.quantity]
    key, seen = f"{rank} {device.id}/{sample.part}", Seen(_number(sample), course.now, sample.quality is Quality.INFERRED)
    occupancy = course.state.occupancy
    before = occupancy.seen.get(zone, {})
    known = before.get(key)
    if known is not None and replace(known, t=seen.t) == seen and 0 <= course.now - known.t < _GRAIN_S:
        return
    occupancy = replace(occupancy, seen={**occupancy.seen, zone: {**before, key: seen}})
    course.set_occupancy(_judged(occupancy, zone, course.now))


def _number(sample: Sample) -> int | None:
    """People, or None where the source cannot see; presence is at least one."""
    value = sample.value
    if sample.quality is Quality.MISSING or not isinstance(value, int | float) or not 0 <= value < 100_000:
        return None
    return round(value)


def settle(course: Course) -> None:
    """Once a second: what is older than its device's time is missing."""
    occupancy = course.state.occupancy
    for zone, sources in occupancy.seen.items():
        lost = {key: Seen(None, seen.t) for key, seen in sources.items() if seen.people is not None and _gone(course, key, seen.t)}
        if lost:
            occupancy = replace(occupancy, seen={**occupancy.seen, zone: {**sources, **lost}})
            occupancy = _judged(occupancy, zone, course.now)
    occupancy = _by_doors(course.plan, occupancy, course.now)
    if occupancy is not course.state.occupancy:
        course.set_occupancy(occupancy)


def _gone(course: Course, key: str, t: float) -> bool:
    device = course.plan.devices.get(_device(key))
    return device is None or device.is_silent(t, course.now) or is_down(course.state, device.id)


def is_down(state: BranchState, device: str) -> bool:
    """Whether a device is known to be away, by itself or behind its parent."""
    known = state.fleet.devices.get(device)
    return known is not None and known.state in ("offline", "stale")


def _device(key: str) -> str:
    return key.split(" ", 1)[1].split("/", 1)[0]


def _judged(occupancy: OccupancyState, zone: str, now: float) -> OccupancyState:
    """The zone by its best sources: of several of a rank the most, since what hides people hides them from one."""
    seen = {key: source for key, source in occupancy.seen.get(zone, {}).items() if source.people is not None}
    best = min((int(key[0]) for key in seen), default=None)
    if best is None:
        people = People(t=now)
    else:
        of_rank = {key: source for key, source in seen.items() if int(key[0]) == best}
        guessed = best > _MEASURED_TO or any(source.inferred for source in of_rank.values())
        quality = Quality.INFERRED if guessed else Quality.MEASURED
        people = People(max(source.people or 0 for source in of_rank.values()), quality, tuple(dict.fromkeys(map(_device, of_rank))), now)
    known = occupancy.zones.get(zone)
    if known is not None and replace(known, t=now) == people:
        return occupancy
    return replace(occupancy, zones={**occupancy.zones, zone: people})


def _by_doors(plan: Plan, occupancy: OccupancyState, now: float) -> OccupancyState:
    """Where the branch has one zone and nobody looks into it, who is inside is in it."""
    if len(plan.zones) != 1 or occupancy.inside is None:
        return occupancy
    (zone,) = plan.zones
    known = occupancy.zones.get(zone, People())
    if any(source.people is not None for source in occupancy.seen.get(zone, {}).values()):
        return occupancy
    counting = tuple(
        door.source for door in plan.doors.values() if (count := occupancy.doors.get(door.id)) and count.quality is not Quality.MISSING
    )
    guess = People(occupancy.inside, Quality.INFERRED, counting, now) if len(counting) == len(plan.doors) else People(t=now)
    return occupancy if replace(known, t=now) == guess else replace(occupancy, zones={**occupancy.zones, zone: guess})
