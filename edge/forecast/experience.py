"""Experience: what a branch has learned of itself from its own events, to forecast better than the line alone says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Final

import msgspec
import numpy as np

from edge.branch.plan import Plan
from edge.branch.state import QueueState, Ticket
from edge.event import Event
from edge.forecast import baselines, course
from edge.forecast.arrivals import Arrivals
from edge.forecast.calibration import COVERAGE, Calibration
from edge.forecast.features import UNKNOWN, Features, Floats
from edge.forecast.staffed import Staffed
from edge.forecast.trees import Trees, grow
from edge.forecast.turns import Grid, quantiles
from edge.forecast.wait import Wait

_LATELY_S: Final = 1200.0
_EXAMPLES: Final = 20_000
_ENOUGH: Final = 300  # examples, before anything is learned from them
_TREES: Final = 80
_SCALE_S: Final = 120.0  # errors count in parts of the forecast and this
_OLDER: Final = 0.8  # part of the examples from which the trees grow that are calibrated on the rest
_GAP_MAX_S: Final = 180.0

_ENDS: Final = ("ticket.finished", "ticket.no_show", "ticket.transferred")


class Asked(msgspec.Struct, frozen=True):
    """What was known when a ticket was issued, and the forecast: as the model made it, and as it was said."""

    known: Features
    raw: Wait | None
    said: Wait | None


class Service:
    """What was seen of one service; bounded."""

    def __init__(self) -> None:
        self.turns_before_s: deque[float] = deque(maxlen=400)
        self.before: Grid | None = None  # their quantiles
        self.turns_today_s: deque[float] = deque(maxlen=50)
        self.waits_s: deque[float] = deque(maxlen=5)
        self.calls: deque[float] = deque(maxlen=200)  # when
        self.arrivals: deque[float] = deque(maxlen=200)  # when


class Experience:
    """Grown event by event; what it says of a moment depends on nothing later. `study` learns from all that was seen."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self._day: date | None = None
        self._services: dict[str, Service] = {}
        self._gaps_s: deque[float] = deque(maxlen=200)  # between a customer's end and the next call, while others wait
        self._freed_at: dict[str, float] = {}  # by counter, while somebody waited
        self._staffed = Staffed()
        self.arrivals = Arrivals()
        self.rolling = baselines.RollingMean()
        self._asked: dict[str, Asked] = {}  # by ticket, when it was issued
        self._rows: deque[Floats] = deque(maxlen=_EXAMPLES)
        self._waits_s: deque[float] = deque(maxlen=_EXAMPLES)
        self._bases_s: deque[float] = deque(maxlen=_EXAMPLES)
        self._trees: tuple[Trees, Trees] | None = None
        self._calibration = Calibration()

    @property
    def learned(self) -> bool:
        """Whether there was enough to learn from."""
        return self._trees is not None

    def happened(self, plan: Plan, before: QueueState, after: QueueState, event: Event) -> None:
        """Take in an event of the queue: the queue before it and after it."""
        self._roll(event.t)
        name, data = str(event.data.get("ticket")), event.data
        if event.type == "ticket.issued" and name in after.tickets:
            self._issued(plan, before, after.tickets[name], event.t)
        elif event.type == "ticket.called" and name in before.tickets:
            self._called(before.tickets[name], data.get("counter"), event.t)
        elif event.type in _ENDS and name in before.tickets:
            self._ended(before, before.tickets[name], event.t, guessed=bool(data.get("inferred")))
        elif event.type == "ticket.abandoned":
            self._asked.pop(name, None)

    def turns(self, plan: Plan, queue: QueueState) -> Mapping[str, Grid | None]:
        """How long a customer takes a counter, until the next can be called."""
        gap_s = float(np.median(self._gaps_s)) if self._gaps_s else 0.0
        seen = self._services
        today = {id_: seen[id_].turns_today_s if id_ in seen else queue.service_times_s.get(id_, ()) for id_ in plan.services}
        grids = course.turns(plan.services, today, {id_: service.before for id_, service in seen.items()})
        return {id_: None if grid is None else grid + gap_s for id_, grid in grids.items()}

    def features(self, plan: Plan, queue: QueueState, service: str, class_: str, now: float) -> Features:
        """What is known now of the line that someone of that service and class would join."""
        waiting = [t for t in queue.tickets.values() if t.state == "waiting" and not t.inferred_gone]
        turn = self.turns(plan, queue)
        likely = course.called_s(plan, queue, [*waiting, course.newcomer(service, class_, now)], turn, now)[:, -1]
        known = bool(np.isfinite(likely).all())
        p50_s, p90_s = np.quantile(likely, (0.5, 0.9)) if known else (UNKNOWN, UNKNOWN)
        mean_s = None if (grid := turn.get(service)) is None else float(grid.mean())
        ahead = sum(1 for t in waiting if t.service == service)
        counters = [c for c in course.open_counters(plan, queue, now) if service in c.services]
        seen, local = self._services.get(service, Service()), datetime.fromtimestamp(now, self._timezone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        calls = sum(1 for t in seen.calls if t > now - _LATELY_S)
        return Features(
            float(p50_s),
            float(p90_s),
            _or(baselines.queue_length(ahead, mean_s, len(counters))),
            _or(baselines.last_to_enter_service(seen.waits_s)),
            baselines.head_of_line(queue.tickets, service, now),
            _or(self.rolling.at(service, local.weekday(), local.hour)),
            sum(seen.waits_s) / len(seen.waits_s) if seen.waits_s else UNKNOWN,
            float(ahead),
            float(len(waiting)),
            float(len(counters)),
            _or(self._staffed.usual(service, second)),
            _or(self._staffed.usual(service, second + 1800)),
            _or(self._staffed.usual(service, second + 3600)),
            _or(mean_s),
            now - seen.calls[-1] if seen.calls else UNKNOWN,
            float(calls),
            float(sum(1 for t in seen.arrivals if t > now - _LATELY_S)),
            _or(self.arrivals.expected(service, second, second + 3600, local.weekday())),
            (ahead + 1) * _LATELY_S / calls if calls else UNKNOWN,
            second / 3600,
            float(local.weekday()),
            float(list(plan.services).index(service)),
            plan.classes[class_].credit_s if class_ in plan.classes else 0.0,
            _elapsed_s(queue, service, now),
        )

    def wait(self, plan: Plan, queue: QueueState, service: str, class_: str, now: float) -> Wait | None:
        """The wait of someone who takes a ticket now, given that there is one; None when nothing is known."""
        raw = self._raw(self.features(plan, queue, service, class_, now))
        return None if raw is None else self._calibration(raw)

    def study(self) -> None:
        """Learn from all waits seen so far; some seconds of work at most, so once a day, in a thread of its own."""
        if len(self._waits_s) < _ENOUGH:
            return
        x, base_s, wait_s = np.array(self._rows), np.array(self._bases_s), np.array(self._waits_s)
        self._calibration = Calibration(self._calibration.levels)
        older = int(len(x) * _OLDER)
        trees = _grown(x[:older], base_s[:older], wait_s[:older])
        for i in range(older, len(x)):  # on what they have not seen
            self._calibration.add(_bent(trees, x[i], float(base_s[i])), float(wait_s[i]))
        self._trees = _grown(x, base_s, wait_s)

    def asked(self, ticket: str) -> Asked | None:
        """What was known and forecast when a waiting ticket was issued."""
        return self._asked.get(ticket)

    def _raw(self, found: Features) -> Wait | None:
        if found.likely_p50_s == UNKNOWN and found.rolling_mean_s == UNKNOWN:
            return None
        if self._trees is not None:
            return _bent(self._trees, found.row(), found.base_s)
        return Wait(found.base_s, found.likely_p90_s if found.likely_p90_s != UNKNOWN else 2 * found.base_s)

    def _issued(self, plan: Plan, before: QueueState, ticket: Ticket, now: float) -> None:
        self._services.setdefault(ticket.service, Service()).arrivals.append(now)
        local = datetime.fromtimestamp(now, self._timezone)
        self.arrivals.came(ticket.service, local.hour * 3600 + local.minute * 60)
        if ticket.service in plan.services:
            found = self.features(plan, before, ticket.service, ticket.class_, now)
            raw = self._raw(found)
            self._asked[ticket.name] = Asked(found, raw, None if raw is None else self._calibration(raw))

    def _called(self, ticket: Ticket, counter: str | None, now: float) -> None:
        service = self._services.setdefault(ticket.service, Service())
        service.calls.append(now)
        local = datetime.fromtimestamp(now, self._timezone)
        if counter is not None:
            self._staffed.called(ticket.service, counter, local.hour * 3600 + local.minute * 60)
            freed_at = self._freed_at.pop(counter, None)
            if freed_at is not None and now - freed_at < _GAP_MAX_S:
                self._gaps_s.append(now - freed_at)
        asked = self._asked.pop(ticket.name, None)
        wait_s = now - ticket.issued_at
        if ticket.calls == 0:
            service.waits_s.append(wait_s)
        if asked is not None and wait_s > 0:
            self._learned_of(asked, ticket, wait_s)

    def _learned_of(self, asked: Asked, ticket: Ticket, wait_s: float) -> None:
        issued = datetime.fromtimestamp(ticket.issued_at, self._timezone)
        self.rolling.add(ticket.service, issued.weekday(), issued.hour, wait_s)
        self._rows.append(asked.known.row())
        self._waits_s.append(wait_s)
        self._bases_s.append(asked.known.base_s)
        if asked.raw is not None:
            self._calibration.add(asked.raw, wait_s, asked.said)

    def _ended(self, before: QueueState, ticket: Ticket, now: float, *, guessed: bool) -> None:
        if ticket.called_at is not None and not guessed:
            self._services.setdefault(ticket.service, Service()).turns_today_s.append(now - ticket.called_at)
        if ticket.counter is not None and any(t.state == "waiting" for t in before.tickets.values()):
            self._freed_at[ticket.counter] = now

    def _roll(self, now: float) -> None:
        day = datetime.fromtimestamp(now, self._timezone).date()
        if day == self._day:
            return
        if self._day is not None:
            self._staffed.day_over()
            self.arrivals.day_over(self._day.weekday())
        self._day = day
        self._asked, self._freed_at = {}, {}
        for service in self._services.values():
            service.turns_before_s.extend(service.turns_today_s)
            service.before = quantiles(list(service.turns_before_s))
            service.turns_today_s.clear()
            service.waits_s.clear()


def _or(value: float | None) -> float:
    return UNKNOWN if value is None else value


def _elapsed_s(queue: QueueState, service: str, now: float) -> float:
    begun = [
        c.since
        for c in queue.counters.values()
        if c.state == "serving" and (t := queue.tickets.get(c.ticket or "")) and t.service == service
    ]
    return sum(now - since for since in begun) / len(begun) if begun else UNKNOWN


def _grown(x: Floats, base_s: Floats, wait_s: Floats) -> tuple[Trees, Trees]:
    """Median and upper point, as parts of the base by which they miss it."""
    weight = base_s + _SCALE_S
    return (
        grow(x, (wait_s - base_s) / weight, weight, 0.5, _TREES),
        grow(x, (wait_s - base_s) / weight, weight, COVERAGE, _TREES),
    )


def _bent(trees: tuple[Trees, Trees], row: Floats, base_s: float) -> Wait:
    p50_s, p90_s = (max(0.0, base_s + tree(row) * (base_s + _SCALE_S)) for tree in trees)
    return Wait(p50_s, max(p50_s, p90_s))
