"""Plant: what each device was told, what came of it, and the hand at the thermostat that overrides it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Command, Outcome, Quality, Sample, Value
from edge.branch.course import Course
from edge.branch.plan import Device
from edge.branch.state import PlantValue

QUANTITIES: Final = frozenset(
    {"mode", "setpoint_c", "fan_pct", "fresh_air_pct", "light_pct", "blind_pct", "volume_pct", "playlist", "relay"}
)
_SETTLES_S: Final = 15.0  # a device may read back the old value so long after a write
_UNDER_WAY_S: Final = 120.0  # a write whose outcome never came is over
_HAND_S: Final = 7200.0
_HOUR_S: Final = 3600.0
_GRAIN_S: Final = 10.0
_STEP: Final = 0.051  # tenths of a degree
_PERCENT_STEP: Final = 1.0  # a device that counts to 254


def key_of(device: str, quantity: str, part: str) -> str:
    """What a plant value is kept by."""
    return f"{device}/{quantity}/{part}" if part else f"{device}/{quantity}"


def same(quantity: str, one: Value, other: Value) -> bool:
    """Whether two values are the same for a device: numbers within what rounding on the wire may do."""
    if isinstance(one, bool) or isinstance(other, bool) or not (isinstance(one, int | float) and isinstance(other, int | float)):
        return one == other
    return abs(one - other) <= (_PERCENT_STEP if quantity.endswith("_pct") else _STEP)


def read_back(course: Course, device: Device, sample: Sample) -> None:
    """What a device says it is set to; what nobody told it was set by a hand."""
    key = key_of(device.id, sample.quantity, sample.part)
    known = course.state.climate.plant.get(key, PlantValue())
    if sample.quality is Quality.MISSING or sample.value is None:
        return
    unchanged = known.read_back is not None and same(sample.quantity, known.read_back, sample.value)
    if unchanged and 0 <= course.now - known.read_at < _GRAIN_S:
        return
    if not unchanged and _is_hand(known, sample, course.now):
        _hand(course, device, sample, known)
    _set(course, key, replace(course.state.climate.plant.get(key, known), read_back=sample.value, read_at=course.now))


def _is_hand(known: PlantValue, sample: Sample, now: float) -> bool:
    """It was confirmed to be set otherwise, and no write is under way."""
    settled = known.outcome == Outcome.CONFIRMED and now - known.commanded_at > _SETTLES_S
    if known.hand is not None:
        return not same(sample.quantity, sample.value, known.hand) and not (known.outcome == "" and now - known.commanded_at < _UNDER_WAY_S)
    return settled and not same(sample.quantity, sample.value, known.commanded)


def _hand(course: Course, device: Device, sample: Sample, known: PlantValue) -> None:
    if known.hand is not None and same(sample.quantity, sample.value, known.commanded):
        release(course, key_of(device.id, sample.quantity, sample.part), "put back by hand")
        return
    hold(course, device.id, sample.quantity, sample.part, sample.value, hand_until(course), "hand")


def hand_until(course: Course) -> float:
    """Until when a hand is respected: `hand_s` from now, at most until the branch closes."""
    until = course.now + course.plan.comfort.get("hand_s", _HAND_S)
    closes = course.plan.hours.closes_at(course.now, course.plan.timezone)
    return until if closes is None else min(until, closes)


def hold(course: Course, device: str, quantity: str, part: str, value: Value, until: float, by: str) -> None:
    """A person's value stands until `until` (unix seconds)."""
    data = {"device": device, "quantity": quantity, "part": part, "value": value, "until": round(until, 3), "by": by}
    course.tell("climate.held", data)


def release(course: Course, key: str, why: str) -> None:
    """The rules decide again."""
    device, quantity, *part = key.split("/", 2)
    course.tell("climate.released", {"device": device, "quantity": quantity, "part": part[0] if part else "", "why": why})


def settle(course: Course) -> None:
    """Once a second: a hand whose time is over is released."""
    for key, known in course.state.climate.plant.items():
        if known.hand is not None and known.hand_until is not None and course.now >= known.hand_until:
            release(course, key, "its time is over")


def commanded(course: Course, command: Command) -> None:
    """A command goes out; until its outcome a read-back proves nothing."""
    if command.quantity not in QUANTITIES:
        return
    key = key_of(command.device, command.quantity, command.part)
    known = course.state.climate.plant.get(key, PlantValue())
    writes = (*(t for t in known.writes if 0 <= course.now - t < _HOUR_S), course.now)
    _set(
        course,
        key,
        replace(known, commanded=command.value, commanded_at=course.now, why=command.why, until=command.until, outcome="", writes=writes),
    )


def outcome(course: Course, command: Command, came: Outcome, detail: str) -> None:
    """What came of a command of plant, as an event."""
    known = course.state.climate.plant.get(key_of(command.device, command.quantity, command.part), PlantValue())
    data = {
        "device": command.device,
        "quantity": command.quantity,
        "part": command.part,
        "value": command.value,
        "why": command.why,
        "until": command.until,
        "outcome": came.value,
        "commanded_at": known.commanded_at or course.now,
    }
    course.tell("climate.command", data | ({"detail": detail} if detail else {}))


def _set(course: Course, key: str, value: PlantValue) -> None:
    climate = course.state.climate
    course.set_climate(replace(climate, plant={**climate.plant, key: value}))
