"""Ghosts: tickets whose customer seems to have gone; marked as a guess, and closed only by the rules that stand here.

A waiting ticket is presumed gone when the machine called three later ones of its service and class before it, or when
for ten minutes far fewer people are seen than tickets wait: then those that wait longest, as many as are too many. It
is presumed here again when as many are seen as wait. A ticket presumed gone for half an hour is abandoned (inferred).
A call, whoever makes it, ends the presumption: whoever comes was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from devices.reading import Quality
from edge.branch import service
from edge.branch.course import Course
from edge.branch.state import BranchState, Seen, Ticket

_OVERTAKEN: Final = 3
_FEWER: Final = 3  # people fewer than tickets, and
_FEWER_SHARE: Final = 0.4  # that share of the tickets fewer, is far fewer
_FOR_S: Final = 600.0
_PRESENCE: Final = "3"  # its rank among the sources of a zone (occupancy)
_PATIENT_S: Final = 300.0  # nobody is presumed gone sooner than this after taking a ticket
_ABANDONED_AFTER_S: Final = 1800.0
_IDLE_S: Final = 1800.0  # a machine does not say that a counter closed; idle so long while people wait, it has


def settle(course: Course) -> None:
    """Once a second: infer who began, who has gone and which counters closed where nobody says so."""
    _begin(course)
    _count(course)
    for ticket in list(course.queue.tickets.values()):
        if ticket.state != "waiting":
            continue
        if not ticket.inferred_gone and ticket.overtaken >= _OVERTAKEN:
            presume_gone(course, ticket)
        elif ticket.inferred_gone and course.now - (ticket.presumed_at or course.now) >= _ABANDONED_AFTER_S:
            service.abandon(course, ticket, course.now)
    if course.plan.authority == "machine":
        _idle(course)


def presume_gone(course: Course, ticket: Ticket) -> None:
    """Mark it; it still may be called."""
    course.tell("ticket.presumed_gone", {"ticket": ticket.name, "inferred": True})


def _begin(course: Course) -> None:
    """Where nobody confirms, a service begins a walk after the call."""
    for ticket in list(course.queue.tickets.values()):
        if ticket.state != "called" or ticket.called_at is None or course.now - ticket.called_at < service.WALK_S:
            continue
        if ticket.counter is None or not service.counter_state(course, ticket.counter).confirms:
            service.infer_start(course, ticket, course.now)


def seen_waiting(state: BranchState, counter_zones: frozenset[str]) -> int | None:
    """People who may be waiting: in the zones without counters, or inside and not being served; the larger.

    None when nothing counts them, or a zone that is counted cannot be seen just now; presence and guesses count nobody.
    """
    zones = [_counting(sources) for zone, sources in state.occupancy.seen.items() if zone not in counter_zones]
    counted = [_most(sources) for sources in zones if sources]
    known = [people for people in counted if people is not None]
    if not known or len(known) < len(counted):
        return None
    doors = state.occupancy.doors.values()
    if state.occupancy.inside is None or not doors or any(door.quality is not Quality.MEASURED for door in doors):
        return sum(known)
    served = sum(ticket.state in ("called", "serving") for ticket in state.queue.tickets.values())
    return max(sum(known), state.occupancy.inside - served)


def _counting(sources: Mapping[str, Seen]) -> list[Seen]:
    """The cameras, counters and queue sensors of a zone."""
    return [seen for key, seen in sources.items() if key[0] != _PRESENCE]


def _most(sources: list[Seen]) -> int | None:
    return max((seen.people for seen in sources if seen.people is not None and not seen.inferred), default=None)


def _count(course: Course) -> None:
    """Compare the tickets that wait with the people that are seen."""
    waiting = [ticket for ticket in course.queue.tickets.values() if ticket.state == "waiting"]
    counter_zones = frozenset(counter.zone for counter in course.plan.counters.values() if counter.zone)
    seen = seen_waiting(course.state, counter_zones)
    present = [ticket for ticket in waiting if not ticket.inferred_gone]
    few = seen is not None and len(present) - seen >= max(_FEWER, _FEWER_SHARE * len(present))
    if few != (course.queue.short_since is not None):
        course.set_queue(replace(course.queue, short_since=course.now if few else None))
    if seen is not None and seen >= len(waiting):
        _here_again(course, waiting)
    since = course.queue.short_since
    if seen is not None and since is not None and course.now - since >= _FOR_S:
        patient = sorted((ticket for ticket in present if course.now - ticket.issued_at >= _PATIENT_S), key=lambda ticket: ticket.issued_at)
        for ticket in patient[: len(present) - seen]:
            presume_gone(course, ticket)


def _here_again(course: Course, waiting: list[Ticket]) -> None:
    for ticket in waiting:
        if ticket.inferred_gone and ticket.overtaken < _OVERTAKEN:
            course.tell("ticket.presumed_here", {"ticket": ticket.name, "inferred": True})


def _idle(course: Course) -> None:
    """A counter that calls nobody for long while tickets wait for its services has closed."""
    for counter_id, counter in course.queue.counters.items():
        if counter.state == "open" and course.now - counter.since >= _IDLE_S and _wanted(course, counter_id):
            service.close_counter(course, counter_id, course.now, inferred=True)


def _wanted(course: Course, counter_id: str) -> bool:
    known = course.plan.counters.get(counter_id)
    return any(
        ticket.state == "waiting" and not ticket.inferred_gone and (known is None or ticket.service in known.services)
        for ticket in course.queue.tickets.values()
    )
