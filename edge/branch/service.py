"""Service: what is done at a counter, as events: call, begin, finish, transfer, hold, open, pause, close."""

from __future__ import annotations

from typing import Final

from edge.branch.choice import next_ticket
from edge.branch.course import Course
from edge.branch.state import CounterState, Ticket

WALK_S: Final = 30.0  # from call to counter; a service that nobody confirms is taken to begin then


def counter_state(course: Course, counter: str) -> CounterState:
    """The counter as it is by now; one not heard of is closed."""
    return course.queue.counters.get(counter, CounterState())


def ticket_at(course: Course, counter: str) -> Ticket | None:
    """The ticket called to or served at the counter."""
    name = counter_state(course, counter).ticket
    return course.queue.tickets.get(name) if name else None


def open_counter(course: Course, counter: str, t: float, *, inferred: bool = False) -> None:
    """Open it, where it is closed or paused."""
    if counter_state(course, counter).state in ("closed", "paused"):
        course.tell("counter.opened", {"counter": counter} | _guess(inferred), t)


def pause_counter(course: Course, counter: str, t: float) -> None:
    """Finish whom it serves and pause it."""
    finish(course, counter, t)
    if counter_state(course, counter).state != "paused":
        course.tell("counter.paused", {"counter": counter}, t)


def close_counter(course: Course, counter: str, t: float, *, inferred: bool = False) -> None:
    """Finish whom it serves and close it."""
    finish(course, counter, t)
    if counter_state(course, counter).state != "closed":
        course.tell("counter.closed", {"counter": counter} | _guess(inferred), t)


def call(course: Course, ticket: Ticket, counter: str, t: float) -> None:
    """Call a waiting or held ticket to the counter; whoever was served there is finished."""
    if counter:
        open_counter(course, counter, t, inferred=course.plan.authority == "machine")
        finish(course, counter, t)
    waited = {"wait_s": _seconds(t - ticket.queued_at)} if ticket.wait_s is None else {}
    course.tell("ticket.called", {"ticket": ticket.name, "counter": counter or None, "service": ticket.service} | waited, t)


def call_next(course: Course, counter: str, t: float) -> Ticket | None:
    """Finish, open where closed, and call whose turn it is; None when nobody waits for this counter."""
    open_counter(course, counter, t)
    finish(course, counter, t)
    ticket = next_ticket(course.plan, course.queue, course.plan.counters[counter], t)
    if ticket is not None:
        call(course, ticket, counter, t)
    return ticket


def recall(course: Course, ticket: Ticket, t: float) -> None:
    """Call the same ticket again to the same counter."""
    course.tell("ticket.recalled", {"ticket": ticket.name, "counter": ticket.counter}, t)


def start(course: Course, ticket: Ticket, t: float, *, inferred: bool = False) -> None:
    """Its service begins, if it has not begun."""
    if ticket.state == "called":
        course.tell("ticket.started", {"ticket": ticket.name, "counter": ticket.counter} | _waited(ticket) | _guess(inferred), t)


def infer_start(course: Course, ticket: Ticket, t: float) -> None:
    """Its service has begun though nobody said so: a walk after the call."""
    if ticket.called_at is not None:
        start(course, ticket, min(t, ticket.called_at + WALK_S), inferred=True)


def finish(course: Course, counter: str, t: float) -> None:
    """Finish whom the counter serves.

    Where services are confirmed, one that was called and never confirmed did not come; elsewhere it is taken to have
    been served since a walk after the call.
    """
    ticket = ticket_at(course, counter)
    if ticket is None:
        return
    if ticket.state == "called" and counter_state(course, counter).confirms:
        no_show(course, ticket, t, inferred=True)
    else:
        finish_ticket(course, ticket, t)


def finish_ticket(course: Course, ticket: Ticket, t: float) -> None:
    """Finish this ticket, wherever it is served."""
    infer_start(course, ticket, t)
    ticket = course.queue.tickets[ticket.name]
    data = {"ticket": ticket.name, "counter": ticket.counter, "service": ticket.service}
    course.tell("ticket.finished", data | _waited(ticket) | _served(ticket, t), t)


def no_show(course: Course, ticket: Ticket, t: float, *, inferred: bool = False) -> None:
    """Whoever was called did not come."""
    course.tell(
        "ticket.no_show",
        {"ticket": ticket.name, "counter": ticket.counter, "service": ticket.service} | _waited(ticket) | _guess(inferred),
        t,
    )


def abandon(course: Course, ticket: Ticket, t: float) -> None:
    """Whoever held it has gone; always inferred, for nobody says goodbye to a queue."""
    data = {"ticket": ticket.name, "counter": ticket.counter, "service": ticket.service, "inferred": True}
    course.tell("ticket.abandoned", data | _waited(ticket), t)


def transfer(course: Course, ticket: Ticket, service: str, t: float) -> None:
    """Put it back to wait for another service; it keeps the place that its time of issue gives it there."""
    infer_start(course, ticket, t)
    ticket = course.queue.tickets[ticket.name]
    data = {"ticket": ticket.name, "counter": ticket.counter, "service": service, "from_service": ticket.service}
    course.tell("ticket.transferred", data | _waited(ticket) | _served(ticket, t), t)


def hold(course: Course, ticket: Ticket, t: float) -> None:
    """Set it aside at its counter until it is called back."""
    course.tell("ticket.held", {"ticket": ticket.name, "counter": ticket.counter}, t)


def _seconds(span: float) -> float:
    """A span, never negative though a clock was set back."""
    return round(max(0.0, span), 3)


def _waited(ticket: Ticket) -> dict[str, float]:
    return {} if ticket.wait_s is None else {"wait_s": ticket.wait_s}


def _served(ticket: Ticket, t: float) -> dict[str, float]:
    return {} if ticket.started_at is None else {"service_s": _seconds(t - ticket.started_at)}


def _guess(inferred: bool) -> dict[str, bool]:
    return {"inferred": True} if inferred else {}
