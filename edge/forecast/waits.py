"""Waits: how long those who wait, and who takes a ticket now, will wait until called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from edge.branch.choice import credit_s, precedence
from edge.branch.plan import Counter, Plan
from edge.branch.state import BranchState, CounterState, QueueState, Ticket
from edge.forecast.line import PATHS, Floats, starts, uniform
from edge.forecast.turns import Grid, drawn, remaining, turn_grid
from edge.forecast.wait import Forecast, Wait

_NEW: Final = "new customer of "
_AWAY_AFTER_S: Final = 180.0  # a counter that leaves people waiting so long serves nobody just now


def forecast(plan: Plan, state: BranchState, now: float) -> Forecast:
    """The waits by service (of who takes a ticket now) and by waiting ticket (what is left of its wait)."""
    queue = state.queue
    waiting = [t for t in queue.tickets.values() if t.state == "waiting" and not t.inferred_gone]
    new = [Ticket(_NEW + id_, id_, "normal", "", now, queued_at=now) for id_ in plan.services]
    called_s = _called_s(plan, queue, [*waiting, *new], now)
    waits = {ticket.name: _wait(column) for ticket, column in zip([*waiting, *new], called_s.T, strict=True)}
    return Forecast(
        by_service={id_: waits[_NEW + id_] for id_ in plan.services},
        by_ticket={ticket.name: waits[ticket.name] for ticket in waiting},
    )


def _wait(called_s: Floats) -> Wait | None:
    if not np.isfinite(called_s).all():
        return None
    p50_s, p90_s = np.quantile(called_s, (0.5, 0.9))
    return Wait(float(p50_s), float(p90_s))


def grids(plan: Plan, queue: QueueState, before: Mapping[str, Sequence[float]]) -> dict[str, Grid | None]:
    """How long a turn takes, by service; a service of which nothing was seen is taken like all together."""
    all_today = [time for times in queue.service_times_s.values() for time in times]
    all_before = [time for times in before.values() for time in times]
    pooled = turn_grid(all_today, all_before)
    own = {id_: turn_grid(queue.service_times_s.get(id_, ()), before.get(id_) or all_before) for id_ in plan.services}
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


def _called_s(plan: Plan, queue: QueueState, line: Sequence[Ticket], now: float) -> Floats:
    counters, turn = open_counters(plan, queue, now), grids(plan, queue, {})
    if not counters or not line:
        return np.full((PATHS, len(line)), np.inf)
    rank = np.array([_ranks(plan, counter, line, now) for counter in counters])
    free_s = np.stack([_free_s(queue, counter, turn, now) for counter in counters], axis=1)
    turn_s = np.stack([_turn_s(ticket, turn, place) for place, ticket in enumerate(line)], axis=1)
    return starts(rank, free_s, turn_s)


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


def _free_s(queue: QueueState, counter: Counter, turn: Mapping[str, Grid | None], now: float) -> Floats:
    here = queue.counters[counter.id]
    ticket = queue.tickets.get(here.ticket or "")
    if here.state != "serving" or ticket is None:
        return np.zeros(PATHS)
    grid = turn.get(ticket.service)
    elapsed_s = max(0.0, now - (ticket.started_at or ticket.called_at or here.since))
    place = 300 + sum(ord(c) for c in counter.id) % 200  # its own column of the table, whoever else is there
    return np.full(PATHS, np.inf) if grid is None else remaining(grid, elapsed_s, uniform(place))


def _turn_s(ticket: Ticket, turn: Mapping[str, Grid | None], place: int) -> Floats:
    """Nothing for who only might come: they take no counter from each other."""
    if ticket.name.startswith(_NEW):
        return np.zeros(PATHS)
    grid = turn.get(ticket.service)
    return np.full(PATHS, np.inf) if grid is None else drawn(grid, uniform(place))
