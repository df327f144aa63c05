"""Experience: what a branch has learned of itself from its own events, to forecast better than the line alone says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

import msgspec
import numpy as np

from edge.branch.plan import Plan
from edge.branch.state import QueueState, Ticket
from edge.event import Event
from edge.forecast.best import Best
from edge.forecast.calibration import COVERAGE, Calibration
from edge.forecast.features import UNKNOWN, Features, Floats
from edge.forecast.seen import Seen
from edge.forecast.trees import Trees, grow
from edge.forecast.turns import Grid
from edge.forecast.wait import Wait

_EXAMPLES: Final = 20_000
_ENOUGH: Final = 300  # examples, before anything is learned from them
_TREES: Final = 80
_SCALE_S: Final = 120.0  # errors count in parts of the forecast and this
_OLDER: Final = 0.8  # part of the examples from which the trees grow that are calibrated on the rest
_ENDS: Final = ("ticket.finished", "ticket.no_show", "ticket.transferred")

Pair = tuple[Trees, Trees]
"""For the median and for the upper point."""


class Asked(msgspec.Struct, frozen=True):
    """What was known when a ticket was issued; the candidates (s); the forecast as it was made, and as it was said."""

    known: Features
    candidates_s: Mapping[str, float]
    raw: Wait | None
    said: Wait | None


class Experience:
    """Grown event by event; what it says of a moment depends on nothing later. `study` learns from all that was seen."""

    def __init__(self, timezone: tzinfo) -> None:
        self.seen = Seen(timezone)
        self._asked: dict[str, Asked] = {}  # by ticket, of today
        self._examples: deque[tuple[Floats, float, float]] = deque(maxlen=_EXAMPLES)  # features, base (s), wait (s)
        self._trees: Pair | None = None
        self._best: dict[float, Best] = {}  # by service, until there is enough to learn from
        self._calibration = Calibration()

    @property
    def learned(self) -> bool:
        """Whether there was enough to learn from."""
        return self._trees is not None

    def happened(self, plan: Plan, before: QueueState, after: QueueState, event: Event) -> None:
        """Take in an event of the queue: the queue before it and after it."""
        if self.seen.rolled(event.t):
            self._asked = {}
        name, data = str(event.data.get("ticket")), event.data
        if event.type == "ticket.issued" and name in after.tickets:
            self._issued(plan, before, after.tickets[name], event.t)
        elif event.type == "ticket.called" and name in before.tickets:
            self._called(before.tickets[name], data.get("counter"), event.t)
        elif event.type in _ENDS and name in before.tickets:
            waits = any(t.state == "waiting" for t in before.tickets.values())
            self.seen.ended(before.tickets[name], event.t, others_wait=waits, guessed=bool(data.get("inferred")))
        elif event.type == "ticket.abandoned":
            self._asked.pop(name, None)

    def turns(self, plan: Plan, queue: QueueState) -> Mapping[str, Grid | None]:
        """How long a customer takes a counter, until the next can be called."""
        return self.seen.turns(plan, queue)

    def wait(self, plan: Plan, queue: QueueState, service: str, class_: str, now: float) -> Wait | None:
        """The wait of someone who takes a ticket now, given that there is one; None when nothing is known."""
        return self._ask(self.seen.features(plan, queue, service, class_, now)).said

    def asked(self, ticket: str) -> Asked | None:
        """What was known and forecast when a waiting ticket was issued."""
        return self._asked.get(ticket)

    def study(self) -> None:
        """Learn from all waits seen so far; some seconds of work at most, so once a day, in a thread of its own."""
        examples = list(self._examples)
        if len(examples) < _ENOUGH:
            return
        x, base_s, wait_s = (np.array(part) for part in zip(*examples, strict=True))
        older = int(len(x) * _OLDER)
        trees = _grown(x[:older], base_s[:older], wait_s[:older])
        calibration = Calibration(self._calibration.levels)
        for i in range(older, len(x)):  # on what they have not seen
            calibration.add(_bent(trees, x[i], float(base_s[i])), float(wait_s[i]))
        self._trees, self._calibration = _grown(x, base_s, wait_s), calibration

    def _ask(self, known: Features) -> Asked:
        """A forecast of what is known."""
        if known.likely_p50_s == UNKNOWN and known.rolling_mean_s == UNKNOWN:
            return Asked(known, {}, None, None)
        candidates_s = _candidates_s(known)
        if self._trees is not None:
            raw = _bent(self._trees, known.row(), known.base_s)
        else:
            raw = _plain(candidates_s[self._best.setdefault(known.service, Best()).of(candidates_s)], known)
        return Asked(known, candidates_s, raw, self._calibration(raw))

    def _issued(self, plan: Plan, before: QueueState, ticket: Ticket, now: float) -> None:
        self.seen.issued(ticket, now)
        if ticket.service in plan.services:
            self._asked[ticket.name] = self._ask(self.seen.features(plan, before, ticket.service, ticket.class_, now))

    def _called(self, ticket: Ticket, counter: str | None, now: float) -> None:
        self.seen.called(ticket, counter, now)
        asked, wait_s = self._asked.pop(ticket.name, None), now - ticket.issued_at
        if asked is None or wait_s <= 0:
            return
        self.seen.waited(ticket, wait_s)
        self._examples.append((asked.known.row(), asked.known.base_s, wait_s))
        self._best.setdefault(asked.known.service, Best()).add(asked.candidates_s, wait_s)
        if asked.raw is not None:
            self._calibration.add(asked.raw, wait_s, asked.said)


def _candidates_s(known: Features) -> dict[str, float]:
    """Median waits by name, the favourite first, for as long as nothing is learned."""
    plain = {
        "base": known.base_s,
        "mean_last_waits": known.mean_last_waits_s,
        "last_to_enter": known.last_to_enter_s,
        "rolling_mean": known.rolling_mean_s,
    }
    return {name: seconds for name, seconds in plain.items() if seconds != UNKNOWN}


def _plain(p50_s: float, known: Features) -> Wait:
    """A forecast that was not learned, as wide as the simulated line's.

    Without one (no turn was seen yet): no shorter than the first in line has waited already, and up to twice that.
    """
    if known.likely_p50_s == UNKNOWN:
        p50_s = max(p50_s, known.head_of_line_s)
        return Wait(p50_s, 2 * p50_s)
    return Wait(p50_s, p50_s + known.likely_p90_s - known.likely_p50_s)


def _grown(x: Floats, base_s: Floats, wait_s: Floats) -> Pair:
    """Median and upper point, as parts of the base by which they miss it."""
    weight = base_s + _SCALE_S
    parts = (wait_s - base_s) / weight
    return grow(x, parts, weight, 0.5, _TREES), grow(x, parts, weight, COVERAGE, _TREES)


def _bent(trees: Pair, row: Floats, base_s: float) -> Wait:
    p50_s, p90_s = (max(0.0, base_s + tree(row) * (base_s + _SCALE_S)) for tree in trees)
    return Wait(p50_s, max(p50_s, p90_s))
