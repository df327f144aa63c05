"""Keys: what a press on a caller means; where the ticket system decides, it also tells, and a press must not count twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from edge.branch import service
from edge.branch.course import Course
from edge.branch.plan import Counter
from edge.branch.state import Ticket

_TOLD_BY_NO_MACHINE: Final = frozenset({"confirm", "pause"})


def press(course: Course, counter: str, key: str, t: float) -> None:
    """A press of `key` at `counter`; a counter or key that is not known does nothing."""
    known = course.plan.counters.get(counter)
    act = _KEYS.get(key)
    if known is None or act is None or (course.plan.authority == "machine" and key not in _TOLD_BY_NO_MACHINE):
        return
    act(course, known, t)


def _next(course: Course, counter: Counter, t: float) -> None:
    service.call_next(course, counter.id, t)


def _pause(course: Course, counter: Counter, t: float) -> None:
    if service.counter_state(course, counter.id).state in ("closed", "paused"):
        service.open_counter(course, counter.id, t)
    else:
        service.pause_counter(course, counter.id, t)


def _recall(course: Course, counter: Counter, t: float) -> None:
    ticket = _present(course, counter, t)
    if ticket is not None:
        service.recall(course, ticket, t)


def _confirm(course: Course, counter: Counter, t: float) -> None:
    ticket = _present(course, counter, t)
    if ticket is not None:
        service.start(course, ticket, t)


def _no_show(course: Course, counter: Counter, t: float) -> None:
    ticket = _present(course, counter, t)
    if ticket is not None:
        service.no_show(course, ticket, t)


def _transfer(course: Course, counter: Counter, t: float) -> None:
    """To the counter's second choice; a counter with one service has none, and the ticket stays."""
    ticket = _present(course, counter, t)
    if ticket is not None and (to := second_choice(counter, ticket.service)):
        service.transfer(course, ticket, to, t)


def _hang_up(course: Course, counter: Counter, t: float) -> None:
    ticket = _present(course, counter, t)
    if ticket is not None:
        service.hold(course, ticket, t)


def _call_back(course: Course, counter: Counter, t: float) -> None:
    """Call the ticket that was hung up first at this counter; whoever is served there is finished."""
    held = next((ticket for ticket in course.queue.tickets.values() if ticket.state == "held" and ticket.counter == counter.id), None)
    if held is not None:
        service.call(course, held, counter.id, t)


def _present(course: Course, counter: Counter, t: float) -> Ticket | None:
    """The ticket at the counter; a press on a closed counter opens it."""
    service.open_counter(course, counter.id, t)
    return service.ticket_at(course, counter.id)


def second_choice(counter: Counter, service_id: str) -> str | None:
    """The service a transfer goes to: the counter's second, or its first for a ticket that is of the second already."""
    if len(counter.services) < 2:
        return None
    return counter.services[0] if counter.services[1] == service_id else counter.services[1]


_KEYS: Final[Mapping[str, Callable[[Course, Counter, float], None]]] = {
    "next": _next,
    "recall": _recall,
    "confirm": _confirm,
    "pause": _pause,
    "transfer": _transfer,
    "no_show": _no_show,
    "hang_up": _hang_up,
    "call_back": _call_back,
}
