"""Happenings: a table of calls as the events it was made of, in the order in which they became known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge.event import Event
from edge.forecast.calls_table import Call

_END = {"served": "ticket.finished", "transferred": "ticket.finished", "no_show": "ticket.no_show", "abandoned": "ticket.abandoned"}


def key(number: int, call: Call) -> str:
    """A name of its own for each row: a ticket's name comes again, on another day or on the same."""
    return f"{call.ticket}#{number}"


def happenings(calls: Iterable[Call]) -> list[Event]:
    """Events in order of time; of one moment issues come first, so that nobody is forecast from what comes with or after them."""
    found = [(event.t, rank, number, event) for number, call in enumerate(calls) for rank, event in enumerate(_of(number, call))]
    return [event for *_, event in sorted(found, key=_order)]


def _order(each: tuple[float, int, int, Event]) -> tuple[float, int, int]:
    """A ticket's own steps in their order; of several tickets the issue, then the ends, then the calls."""
    t, rank, number, event = each
    return t, 0 if rank == 0 else 1 if event.type in _ENDS else 2, number


_ENDS = frozenset(_END.values())


def _of(number: int, call: Call) -> Iterator[Event]:
    """The steps of a ticket; an end in the moment of its call is left to the next call at the counter."""
    name, at = key(number, call), {"ticket": key(number, call), "counter": call.counter or None}
    yield Event("ticket.issued", call.issued_at, {"ticket": name, "service": call.service, "class": call.class_, "source": "table"})
    if call.called_at is not None:
        yield Event("ticket.called", call.called_at, {**at, "wait_s": call.wait_s})
    if call.started_at is not None:
        yield Event("ticket.started", call.started_at, at)
    if call.finished_at is not None and call.finished_at > (call.called_at or call.issued_at):
        yield Event(_END[call.outcome], call.finished_at, at)
