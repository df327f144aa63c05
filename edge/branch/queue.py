"""Queue: tickets as devices tell of them: issued, printed, called, missed, rated; and appointments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from devices.reading import Occurrence
from edge.branch import service
from edge.branch.course import Course
from edge.branch.keys import press
from edge.branch.numbering import named, next_name, service_of
from edge.branch.state import CounterState, Ticket
from edge.branch.told import moment, when, whole, word

_RATED_AFTER_S: Final = 180.0  # a rating is of the ticket that ended at most so long ago
_RATINGS: Final = range(1, 6)


def happened(course: Course, occurrence: Occurrence) -> None:
    """What an occurrence makes so in the queue; one of a kind that is not the queue's does nothing."""
    act = _ACTS.get(occurrence.kind)
    if act is not None:
        act(course, occurrence)


def new_ticket(course: Course, service_id: str, class_: str, source: str, *, printed: bool, **more: Any) -> str | None:
    """Give the next number of a service; it waits at once, or when it is `printed`. None when all numbers are in use."""
    known = course.plan.services.get(service_id)
    name = next_name(course.plan, course.queue, known.prefix if known else service_id)
    if name is None:
        return None
    data = {"ticket": name, "service": service_id, "class": class_, "source": source, **more}
    course.tell("ticket.requested" if printed else "ticket.issued", data)
    return name


def printed(course: Course, name: str, outcome: str) -> None:
    """What the printer says: only what it could not print counts nowhere; unknown is taken as printed."""
    waiting = course.queue.printing.get(name)
    if outcome == "failed":
        known = waiting or course.queue.tickets.get(name)
        course.tell("ticket.print_failed", {"ticket": name, "source": known.source if known else ""})
    elif waiting is not None:
        window = {"window": list(waiting.window)} if waiting.window else {}
        data = {"ticket": name, "service": waiting.service, "class": waiting.class_, "source": waiting.source}
        course.tell("ticket.issued", data | window | ({"print": "unknown"} if outcome != "ok" else {}))


def _name(data: Mapping[str, Any]) -> str:
    number = whole(data, "number")
    return word(data, "ticket") or (named(word(data, "prefix"), number) if number is not None else "")


def _issued(course: Course, occurrence: Occurrence) -> None:
    data, name = occurrence.data, _name(occurrence.data)
    outcome = word(data, "print")
    if not name:
        return
    if outcome == "failed":
        course.tell("ticket.print_failed", {"ticket": name, "source": occurrence.device})
        return
    t = when(moment(data.get("issued_at"), course.plan.timezone) or occurrence.t, course.now)
    standing = course.queue.tickets.get(name)
    if standing is not None:
        _given_again(course, standing, t)
    told: dict[str, Any] = {
        "ticket": name,
        "service": service_of(course.plan, word(data, "service"), name),
        "class": word(data, "class") or "normal",
        "source": occurrence.device,
    }
    course.tell("ticket.issued", told | ({"print": "unknown"} if outcome == "unknown" else {}), t)


def _given_again(course: Course, standing: Ticket, t: float) -> None:
    """The machine gave a number again: whoever had it before was served or has gone."""
    if standing.state in ("called", "serving"):
        service.finish_ticket(course, standing, t)
    else:
        service.abandon(course, standing, t)


def _called(course: Course, occurrence: Occurrence) -> None:
    data, name = occurrence.data, _name(occurrence.data)
    act = _CALLS.get(word(data, "action") or "call")
    if not name or act is None:
        return
    t = when(moment(data.get("at"), course.plan.timezone) or occurrence.t, course.now)
    if name not in course.queue.tickets:
        if act is not _call:
            return  # it ended before we knew of it
        _take_in(course, name, word(data, "service"), t)
    act(course, course.queue.tickets[name], word(data, "counter") or occurrence.part, t)


def _take_in(course: Course, name: str, service_id: str, t: float) -> None:
    """A ticket that is called and that nobody told of: taken in as it is, with no wait known."""
    waiting = course.queue.printing.get(name)
    told = (
        {"service": waiting.service, "class": waiting.class_}
        if waiting
        else {"service": service_of(course.plan, service_id, name), "class": "normal"}
    )
    course.tell("ticket.issued", {"ticket": name, **told, "source": "unknown", "inferred": True}, t)


def _call(course: Course, ticket: Ticket, counter: str, t: float) -> None:
    here = ticket.state in ("called", "serving") and (ticket.counter or "") == counter
    if not here:
        service.call(course, ticket, counter, t)
    elif course.plan.authority == "machine" and ticket.state == "called":
        service.recall(course, ticket, t)  # where smartbranch decides it is the echo of our own call


def _recall(course: Course, ticket: Ticket, counter: str, t: float) -> None:
    if ticket.state in ("called", "serving") and (not counter or ticket.counter == counter):
        service.recall(course, ticket, t)
    else:
        service.call(course, ticket, counter, t)


def _serve(course: Course, ticket: Ticket, counter: str, t: float) -> None:
    if ticket.state in ("waiting", "held"):
        service.call(course, ticket, counter, t)
    service.start(course, course.queue.tickets[ticket.name], t)


def _finish(course: Course, ticket: Ticket, _counter: str, t: float) -> None:
    service.finish_ticket(course, ticket, t)


def _no_show(course: Course, ticket: Ticket, _counter: str, t: float) -> None:
    service.no_show(course, ticket, t)


def _transfer(course: Course, ticket: Ticket, counter: str, t: float) -> None:
    """The machine's word has no service: it is the counter's other one, or the ticket waits for its own again."""
    known = course.plan.counters.get(counter or ticket.counter or "")
    others = [other for other in known.services if other != ticket.service] if known else []
    service.transfer(course, ticket, others[0] if others else ticket.service, t)


def _hold(course: Course, ticket: Ticket, _counter: str, t: float) -> None:
    if ticket.state in ("called", "serving"):
        service.hold(course, ticket, t)


_CALLS: Final[Mapping[str, Callable[[Course, Ticket, str, float], None]]] = {
    "call": _call,
    "recall": _recall,
    "serve": _serve,
    "finish": _finish,
    "no_show": _no_show,
    "transfer": _transfer,
    "hold": _hold,
}


def _pressed(course: Course, occurrence: Occurrence) -> None:
    press(course, occurrence.part, word(occurrence.data, "key"), course.now)


def _rated(course: Course, occurrence: Occurrence) -> None:
    rating = whole(occurrence.data, "rating")
    if rating not in _RATINGS:
        return
    counter = course.queue.counters.get(occurrence.part, CounterState())
    ticket = counter.ticket
    if ticket is None and course.now - counter.last_at <= _RATED_AFTER_S:
        ticket = counter.last_ticket
    course.tell("rating.given", {"counter": occurrence.part, "rating": rating, "ticket": ticket})


def _missed(course: Course, occurrence: Occurrence) -> None:
    count = whole(occurrence.data, "count")
    if count is not None and count > 0:
        course.tell("ticket.missed", {"source": occurrence.device, "count": count})


def _requested(course: Course, occurrence: Occurrence) -> None:
    prefix = word(occurrence.data, "prefix")
    service_id = service_of(course.plan, word(occurrence.data, "service"), prefix)
    if prefix or service_id in course.plan.services:
        new_ticket(course, service_id, word(occurrence.data, "class") or "normal", occurrence.device, printed=True)


def _printed(course: Course, occurrence: Occurrence) -> None:
    printed(course, word(occurrence.data, "ticket"), word(occurrence.data, "print"))


def _appointed(course: Course, occurrence: Occurrence) -> None:
    data, id_ = occurrence.data, word(occurrence.data, "id")
    if not id_:
        return
    zone = course.plan.timezone
    kept = {
        "id": id_,
        "service": service_of(course.plan, word(data, "service"), ""),
        "class": word(data, "class") or "appointment",
        "from": moment(data.get("from"), zone),
        "until": moment(data.get("until"), zone),
        "source": occurrence.device,
    }
    course.tell("appointment.made", kept)


def _checked_in(course: Course, occurrence: Occurrence) -> None:
    """Whoever has an appointment is here; where smartbranch gives the numbers, a ticket is theirs now."""
    made = course.queue.appointments.get(word(occurrence.data, "id"))
    if made is None or made.get("checked_in"):
        return
    course.tell("appointment.checked_in", {"id": made["id"]})
    if course.plan.authority == "smartbranch" and "service" in made:
        from_, until = made.get("from"), made.get("until")
        window = {"window": [from_, until]} if from_ is not None and until is not None else {}
        more = window | {"appointment": made["id"]}
        new_ticket(course, made["service"], made["class"], occurrence.device, printed=printer(course) is not None, **more)


def printer(course: Course) -> str | None:
    """The device that prints tickets, where one is configured."""
    return next((device.id for device in course.plan.devices.values() if "print_ticket" in device.quantities), None)


_ACTS: Final[Mapping[str, Callable[[Course, Occurrence], None]]] = {
    "ticket.issued": _issued,
    "ticket.called": _called,
    "ticket.requested": _requested,
    "ticket.printed": _printed,
    "ticket.missed": _missed,
    "key.pressed": _pressed,
    "rating.given": _rated,
    "appointment.made": _appointed,
    "appointment.checked_in": _checked_in,
}
