"""Course: what a morning will likely be, simulated from who waits, which counters are open, and how long turns take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from edge.branch.choice import credit_s, precedence
from edge.branch.plan import Counter, Plan
from edge.branch.state import CounterState, QueueState, Ticket
from edge.forecast.line import PATHS, Floats, starts, uniform
from edge.forecast.turns import Grid, drawn, remaining, turn_grid

Turns = Mapping[str, Grid | None]
"""How long a turn takes, by service; None where nothing is known."""

_NEW: Final = "new customer of "
_MOST_PLAYED: Final = 150  # tickets that wait; a longer line is stretched from these
_AWAY_AFTER_S: Final = 180.0  # a counter that leaves people waiting so long serves nobody just now


def newcomer(service: str, class_: str, now: float) -> Ticket:
    """Someone who might take a ticket now."""
    return Ticket(_NEW + service, service, class_, "", now, queued_at=now)


def turns(services: Iterable[str], today: Mapping[str, Sequence[float]], before: Mapping[str, Grid | None]) -> dict[str, Grid | None]:
    """How long a turn takes, by service, from the seconds seen today and the grids of other days.

    A service of which nothing was seen is taken like all together.
    """
    own = {id_: turn_grid(today.get(id_, ()), before.get(id_)) for id_ in services}
    if all(grid is not None for grid in own.values()):
        return own
    known = [grid for grid in own.values() if grid is not None]
    pooled = np.mean(known, axis=0) if known else None
    return {id_: pooled if grid is None else grid for id_, grid in own.items()}


def open_counters(plan: Plan, queue: QueueState, now: float) -> list[Counter]:
    """Counters that serve somebody or could; an open one that has long left people waiting does not count."""
    at_work = [c for c in plan.counters.values() if queue.counters.get(c.id, CounterState()).state in ("open", "serving")]
    present = [c for c in at_work if not _seems_away(c, queue, now)]
    return present or at_work


def _seems_away(counter: Counter, queue: QueueState, now: float) -> bool:
    here = queue.counters[counter.id]
    if here.state == "serving":
        return False
    since = [t.queued_at or t.issued_at for t in queue.tickets.values() if t.state == "waiting" and t.service in counter.services]
    return any(now - max(here.since, waits_since) > _AWAY_AFTER_S for waits_since in since)


def called_s(plan: Plan, queue: QueueState, line: Sequence[Ticket], turn: Turns, now: float, *, only_last: bool = False) -> Floats:
    """When each of `line` is called, in seconds from now, paths x tickets; infinity where it is not known that it ever is.

    Newcomers take no counter from each other; those of `line` that wait are to be all who wait.
    """
    counters = open_counters(plan, queue, now)
    if not counters or not line:
        return np.full((PATHS, len(line)), np.inf)
    if sum(not ticket.name.startswith(_NEW) for ticket in line) > _MOST_PLAYED:
        return _stretched(plan, queue, line, turn, now, only_last=only_last)
    rank = np.array([_ranks(plan, counter, line, now) for counter in counters])
    free_s = np.stack([_free_s(queue, counter, turn, now) for counter in counters], axis=1)
    turn_s = np.stack([_turn_s(ticket, turn, place) for place, ticket in enumerate(line)], axis=1)
    return starts(rank, free_s, turn_s, only_last=only_last)


def _stretched(plan: Plan, queue: QueueState, line: Sequence[Ticket], turn: Turns, now: float, *, only_last: bool) -> Floats:
    """A line longer than any branch has (a machine that runs away): its head is played, and the rest follows at its pace."""
    waiting = [ticket for ticket in line if not ticket.name.startswith(_NEW)]
    new = [ticket for ticket in line if ticket.name.startswith(_NEW)]
    head = called_s(plan, queue, [*waiting[:_MOST_PLAYED], *new], turn, now, only_last=only_last)
    last_of = {ticket.service: place for place, ticket in enumerate(waiting[:_MOST_PLAYED])}
    like = [last_of.get(ticket.service, _MOST_PLAYED - 1) for ticket in waiting[_MOST_PLAYED:]]
    pace = np.arange(_MOST_PLAYED + 1, len(waiting) + 1) / _MOST_PLAYED
    rest, came = head[:, like] * pace, head[:, _MOST_PLAYED:] * (len(waiting) / _MOST_PLAYED)
    return np.concatenate([head[:, :_MOST_PLAYED], rest, came], axis=1)


def _ranks(plan: Plan, counter: Counter, line: Sequence[Ticket], now: float) -> list[float]:
    """The place of each ticket in a counter's order; infinity where it does not serve it."""
    served = [place for place, ticket in enumerate(line) if ticket.service in counter.services]
    served.sort(key=lambda place: _order(plan, counter, line[place], now))
    ranks = [float("inf")] * len(line)
    for rank, place in enumerate(served):
        ranks[place] = float(rank)
    return ranks


def _order(plan: Plan, counter: Counter, ticket: Ticket, now: float) -> tuple[float, ...]:
    """Our own rule where we decide; a ticket system's is not known to us, and first come first served is most."""
    if plan.authority == "smartbranch":
        return precedence(plan, counter, ticket, now)
    return (ticket.issued_at - credit_s(plan, ticket, now),)


def _free_s(queue: QueueState, counter: Counter, turn: Turns, now: float) -> Floats:
    here = queue.counters[counter.id]
    ticket = queue.tickets.get(here.ticket or "")
    if here.state != "serving" or ticket is None:
        return np.zeros(PATHS)
    grid = turn.get(ticket.service)
    elapsed_s = max(0.0, now - (ticket.started_at or ticket.called_at or here.since))
    place = 300 + sum(ord(c) for c in counter.id) % 200  # its own column of the table, whoever else is there
    return np.full(PATHS, np.inf) if grid is None else remaining(grid, elapsed_s, uniform(place))


def _turn_s(ticket: Ticket, turn: Turns, place: int) -> Floats:
    """Nothing for who only might come: they take no counter from each other."""
    if ticket.name.startswith(_NEW):
        return np.zeros(PATHS)
    grid = turn.get(ticket.service)
    return np.full(PATHS, np.inf) if grid is None else drawn(grid, uniform(place))
