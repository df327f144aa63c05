"""Step: what a sample, an occurrence or a second makes of the branch, and the events that say so.

Whatever is durable in a state changes by events alone: `durable(step(state)) == durable(fold of its events over state)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from devices.reading import Occurrence, Quality, Sample
from edge.branch import climate, day, doors, fleet, ghosts, inside, occupancy, plant, queue, sampled
from edge.branch.course import Course
from edge.branch.durable import durable, rested
from edge.branch.fold import apply
from edge.branch.plan import Device, Plan
from edge.branch.state import BranchState
from edge.event import Event

__all__ = ["apply", "durable", "jumped", "resume", "step", "tick"]

_PRINT_PATIENCE_S: Final = 60.0


def step(plan: Plan, state: BranchState, happening: Sample | Occurrence, now: float) -> tuple[BranchState, list[Event]]:
    """The state after something was heard at `now` (unix seconds); the same object when that changed nothing."""
    if isinstance(happening, Occurrence):
        return _happened(plan, state, happening, now)
    device = plan.devices.get(happening.device)
    if device is None:
        return state, []
    course, sample = Course(plan, state, now), _sound(happening)
    fleet.heard(course, device, sample)
    if sample.quantity != "state":
        _SENSED.get(sample.quantity, _fact)(course, device, sample)
    return course.state, course.events


def _sound(sample: Sample) -> Sample:
    """The sample, missing where its value is none that can be written down (a driver from outside may say anything)."""
    value = sample.value
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return sample
    return replace(sample, value=None, quality=Quality.MISSING)


def tick(plan: Plan, state: BranchState, now: float) -> tuple[BranchState, list[Event]]:
    """What a second brings by itself: the day, silence, ghosts, hands whose time is over, samples for head office."""
    course = Course(plan, state, now)
    day.roll_over(course)
    for settle in (fleet.settle, occupancy.settle, inside.settle, climate.settle, plant.settle, ghosts.settle, _printing, sampled.settle):
        settle(course)
    return course.state, course.events


def resume(plan: Plan, events: Iterable[Event], carried: BranchState | None = None) -> BranchState:
    """The state that events left behind, oldest first, on top of a state that was carried over.

    Those since the newest `day.began` are enough: it carries what is older. After the fold nothing counts as heard yet.
    """
    state = carried or BranchState()
    for event in events:
        state = apply(plan, state, event)
    return rested(state)


def jumped(plan: Plan, state: BranchState, by_s: float, now: float) -> tuple[BranchState, list[Event]]:
    """The wall clock was set by `by_s` seconds and stands at `now`; the event `clock.jumped` is among the events."""
    course = Course(plan, state, now)
    day.jump(course, by_s)
    return course.state, course.events


def _happened(plan: Plan, state: BranchState, occurrence: Occurrence, now: float) -> tuple[BranchState, list[Event]]:
    course = Course(plan, state, now)
    day.roll_over(course)
    fleet.present(course, occurrence.device)
    if occurrence.kind == "terminal.fault":
        _fault(course, occurrence)
    elif occurrence.kind == "machine.restarted":
        course.tell("machine.restarted", {"device": occurrence.device})
    else:
        queue.happened(course, occurrence)
    return course.state, course.events


def _fault(course: Course, occurrence: Occurrence) -> None:
    faults = occurrence.data.get("faults")
    named = [str(fault)[:64] for fault in faults[:32]] if isinstance(faults, list | tuple) else []
    course.tell("terminal.fault", {"device": occurrence.device, "faults": named})
    device = course.plan.devices.get(occurrence.device)
    if device is not None:
        fleet.fact(course, device, "faults", ", ".join(named))


def _printing(course: Course) -> None:
    """A printer that never answered may have printed: the ticket is taken as issued, for its customer may stand there."""
    for name, ticket in list(course.queue.printing.items()):
        if course.now - ticket.issued_at >= _PRINT_PATIENCE_S:
            queue.printed(course, name, "unknown")


def _air(course: Course, device: Device, sample: Sample) -> None:
    if not climate.sensed(course, device, sample):
        _fact(course, device, sample)


def _fact(course: Course, device: Device, sample: Sample) -> None:
    name = f"{sample.quantity}/{sample.part}" if sample.part else sample.quantity
    fleet.fact(course, device, name, None if sample.quality is Quality.MISSING else sample.value)


_SENSED: Final[Mapping[str, Callable[[Course, Device, Sample], None]]] = {
    **dict.fromkeys(climate.SENSED, _air),
    **dict.fromkeys(plant.QUANTITIES, plant.read_back),
    **dict.fromkeys(("people", "waiting", "presence"), occupancy.sensed),
    **dict.fromkeys(("in_total", "out_total"), doors.counted),
}
