"""The fold of the queue: what each event of a ticket or a counter changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from edge.branch.numbering import FIRST_APART, apart_key, parts
from edge.branch.state import CounterState, QueueState, Ticket

Data = Mapping[str, Any]
_KEPT: Final = 50  # times of service and waiting, for the forecast
_SHORTEST_SERVICE_S: Final = 10.0  # a shorter one is a press too many and teaches nothing


def ticket_of(t: float, data: Data) -> Ticket:
    """The ticket that `ticket.issued` or `ticket.requested` speaks of."""
    window = data.get("window")
    return Ticket(
        name=data["ticket"],
        service=data["service"],
        class_=data["class"],
        source=data["source"],
        issued_at=t,
        queued_at=t,
        window=(window[0], window[1]) if window else None,
    )


def _numbered(queue: QueueState, name: str) -> QueueState:
    prefix, number = parts(name)
    if number is None:
        return queue
    apart = {apart_key(prefix): number} if number >= FIRST_APART else {}
    return replace(queue, last_number={**queue.last_number, prefix: number, **apart})


def _requested(queue: QueueState, t: float, data: Data) -> QueueState:
    return _numbered(replace(queue, printing={**queue.printing, data["ticket"]: ticket_of(t, data)}), data["ticket"])


def _issued(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = ticket_of(t, data)
    rest = {name: held for name, held in queue.tickets.items() if name != ticket.name}
    return _numbered(
        replace(
            queue,
            tickets={**rest, ticket.name: ticket},
            printing=_without(queue.printing, ticket.name),
            issued_today=_added(queue.issued_today, ticket.service),
        ),
        ticket.name,
    )


def _print_failed(queue: QueueState, _t: float, data: Data) -> QueueState:
    """It counts nowhere; a number is not given twice."""
    ticket = queue.tickets.get(data["ticket"])
    queue = replace(queue, printing=_without(queue.printing, data["ticket"]))
    if ticket is None or ticket.state != "waiting":
        return queue
    fewer = {**queue.issued_today, ticket.service: max(0, queue.issued_today.get(ticket.service, 0) - 1)}
    return replace(queue, tickets=_without(queue.tickets, ticket.name), issued_today=fewer)


def _called(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    queue = _overtaking(_freed(queue, ticket.name, t), ticket)
    wait_s = data.get("wait_s")
    if wait_s is not None:
        queue = replace(queue, waits_s=_taught(queue.waits_s, ticket.service, wait_s))
    counter = data.get("counter")
    ticket = replace(
        ticket,
        state="called",
        counter=counter,
        called_at=t,
        started_at=None,
        calls=ticket.calls + 1,
        inferred_gone=False,
        presumed_at=None,
        wait_s=ticket.wait_s if wait_s is None else wait_s,
    )
    return _at_counter(
        replace(queue, tickets={**queue.tickets, ticket.name: ticket}), counter, state="serving", ticket=ticket.name, since=t
    )


def _overtaking(queue: QueueState, called: Ticket) -> QueueState:
    """Count for those of the same service and class that came before it and still wait."""
    if called.state != "waiting":
        return queue
    passed = {
        name: replace(ticket, overtaken=ticket.overtaken + 1)
        for name, ticket in queue.tickets.items()
        if ticket.state == "waiting"
        and (ticket.service, ticket.class_) == (called.service, called.class_)
        and ticket.queued_at < called.queued_at
    }
    return replace(queue, tickets={**queue.tickets, **passed}) if passed else queue


def _recalled(queue: QueueState, _t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    return queue if ticket is None else _with(queue, replace(ticket, calls=ticket.calls + 1))


def _started(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    queue = _with(queue, replace(ticket, state="serving", started_at=t))
    return queue if data.get("inferred") else _at_counter(queue, ticket.counter, confirms=True)


def _held(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    return queue if ticket is None else _with(_freed(queue, ticket.name, t), replace(ticket, state="held"))


def _transferred(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    back = replace(
        ticket,
        state="waiting",
        service=data["service"],
        queued_at=t,
        counter=None,
        called_at=None,
        started_at=None,
        wait_s=None,
        overtaken=0,
    )
    return _with(_taught_service(_freed(queue, ticket.name, t), ticket.service, data), back)


def _finished(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    queue = _taught_service(_ended(queue, ticket, t), ticket.service, data)
    return replace(queue, served_today=_added(queue.served_today, ticket.service))


def _no_show(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    return replace(_ended(queue, ticket, t), no_show_today=_added(queue.no_show_today, ticket.service))


def _abandoned(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    if ticket is None:
        return queue
    return replace(_ended(queue, ticket, t), abandoned_today=_added(queue.abandoned_today, ticket.service))


def _presumed_gone(queue: QueueState, t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    return queue if ticket is None else _with(queue, replace(ticket, inferred_gone=True, presumed_at=t))


def _presumed_here(queue: QueueState, _t: float, data: Data) -> QueueState:
    ticket = queue.tickets.get(data["ticket"])
    return queue if ticket is None else _with(queue, replace(ticket, inferred_gone=False, presumed_at=None, overtaken=0))


def _opened(queue: QueueState, t: float, data: Data) -> QueueState:
    return _at_counter(queue, data["counter"], state="open", ticket=None, since=t)


def _paused(queue: QueueState, t: float, data: Data) -> QueueState:
    return _at_counter(queue, data["counter"], state="paused", ticket=None, since=t)


def _closed(queue: QueueState, t: float, data: Data) -> QueueState:
    return _at_counter(queue, data["counter"], state="closed", ticket=None, since=t)


def _appointment_made(queue: QueueState, _t: float, data: Data) -> QueueState:
    return replace(queue, appointments={**queue.appointments, data["id"]: data})


def _appointment_checked_in(queue: QueueState, _t: float, data: Data) -> QueueState:
    kept = {**queue.appointments.get(data["id"], {"id": data["id"]}), "checked_in": True}
    return replace(queue, appointments={**queue.appointments, data["id"]: kept})


FOLDS: Final[Mapping[str, Callable[[QueueState, float, Data], QueueState]]] = {
    "ticket.requested": _requested,
    "ticket.issued": _issued,
    "ticket.print_failed": _print_failed,
    "ticket.called": _called,
    "ticket.recalled": _recalled,
    "ticket.started": _started,
    "ticket.held": _held,
    "ticket.transferred": _transferred,
    "ticket.finished": _finished,
    "ticket.no_show": _no_show,
    "ticket.abandoned": _abandoned,
    "ticket.presumed_gone": _presumed_gone,
    "ticket.presumed_here": _presumed_here,
    "counter.opened": _opened,
    "counter.paused": _paused,
    "counter.closed": _closed,
    "appointment.made": _appointment_made,
    "appointment.checked_in": _appointment_checked_in,
}


def _with(queue: QueueState, ticket: Ticket) -> QueueState:
    return replace(queue, tickets={**queue.tickets, ticket.name: ticket})


def _without(tickets: Mapping[str, Ticket], name: str) -> Mapping[str, Ticket]:
    return {held: ticket for held, ticket in tickets.items() if held != name} if name in tickets else tickets


def _freed(queue: QueueState, name: str, t: float) -> QueueState:
    """The counter that had the ticket is open again and remembers it."""
    counter = queue.tickets[name].counter
    if counter is None or queue.counters.get(counter, CounterState()).ticket != name:
        return queue
    return _at_counter(queue, counter, state="open", ticket=None, since=t, last_ticket=name, last_at=t)


def _ended(queue: QueueState, ticket: Ticket, t: float) -> QueueState:
    queue = _freed(queue, ticket.name, t)
    return replace(queue, tickets=_without(queue.tickets, ticket.name))


def _at_counter(queue: QueueState, counter: str | None, **changes: Any) -> QueueState:
    if counter is None:
        return queue
    changed = replace(queue.counters.get(counter, CounterState()), **changes)
    return replace(queue, counters={**queue.counters, counter: changed})


def _added(tally: Mapping[str, int], key: str) -> Mapping[str, int]:
    return {**tally, key: tally.get(key, 0) + 1}


def _taught(times: Mapping[str, tuple[float, ...]], service: str, seconds: float) -> Mapping[str, tuple[float, ...]]:
    return {**times, service: (*times.get(service, ()), seconds)[-_KEPT:]}


def _taught_service(queue: QueueState, service: str, data: Data) -> QueueState:
    seconds = data.get("service_s")
    if seconds is None or seconds < _SHORTEST_SERVICE_S:
        return queue
    return replace(queue, service_times_s=_taught(queue.service_times_s, service, seconds))
