"""Day: the end of one and the beginning of the next, once each, whatever the clock does."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from edge.branch import doors, service
from edge.branch.course import Course
from edge.branch.plan import Plan

_LONGEST_SLEEP_S: Final = 36 * 3600.0  # a jump beyond it is a wrong clock, not a night that the box slept through
_BELIEVED_AFTER_S: Final = 3600.0


def day_of(plan: Plan, t: float) -> str:
    """The branch's local day of `t`, `YYYY-MM-DD`."""
    return datetime.fromtimestamp(t, plan.timezone).strftime("%Y-%m-%d")


def last_moment(plan: Plan, day: str) -> float:
    """The last millisecond of a local day, unix seconds."""
    midnight = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), plan.timezone)
    return midnight.timestamp() - 0.001


def roll_over(course: Course) -> None:
    """End the day and begin the next when the local day is a later one.

    A day that seems to go back is a wrong clock; when it stays so for an hour, it was the day before that was wrong.
    """
    today, watched_from = day_of(course.plan, course.now), course.state.fleet.watched_from
    stays = watched_from is not None and course.now - watched_from >= _BELIEVED_AFTER_S
    if today > course.state.day or (today < course.state.day and stays):
        if course.state.day:
            _end(course)
        course.tell("day.began", {"day": today, "carried": _carried(course)})


def _end(course: Course) -> None:
    """Close what is left, at the last moment of its day: nobody waits over night."""
    last = min(last_moment(course.plan, course.state.day), course.now)
    for ticket in list(course.queue.tickets.values()):
        if ticket.state == "serving":
            data = {"ticket": ticket.name, "counter": ticket.counter, "service": ticket.service, "inferred": True}
            course.tell("ticket.finished", data, last)
        else:
            service.abandon(course, ticket, last)
    for counter_id, counter in course.queue.counters.items():
        if counter.state != "closed":
            course.tell("counter.closed", {"counter": counter_id, "inferred": True}, last)
    for key, difference in doors.differences(course.state.occupancy).items():
        door, _, source = key.partition("/")
        seen = course.state.occupancy.compared[key]
        said = {"door": door, "source": source, "in": seen.in_seen, "out": seen.out_seen, "difference": difference}
        course.tell("door.compared", said, last)


def _carried(course: Course) -> dict[str, Any]:
    """What the next day begins with, so that its state is the fold of its own events."""
    state = course.state
    carried = {
        "totals": {key: list(total) for key, total in state.occupancy.totals.items()},
        "inside": state.occupancy.inside,
        "crossed_at": state.occupancy.crossed_at,
        "devices": {
            id_: {"state": known.told, "reason": known.told_reason} for id_, known in state.fleet.devices.items() if known.told != "unknown"
        },
        "alerts": state.alerts,
        "plant": state.climate.plant,
        "appointments": {id_: made for id_, made in state.queue.appointments.items() if (made.get("until") or 0.0) > course.now},
    }
    plain: dict[str, Any] = msgspec.to_builtins(carried)
    return plain


def jump(course: Course, by_s: float) -> None:
    """The wall clock was set by `by_s` seconds: spans stay as long as they were, and no day ends by it.

    Forward by a night at most the day ends as it would have: the box may have slept.
    """
    slept = 0 < by_s <= _LONGEST_SLEEP_S
    day = course.state.day if slept else day_of(course.plan, course.now)
    course.tell("clock.jumped", {"by_s": round(by_s, 3), "day": day})
