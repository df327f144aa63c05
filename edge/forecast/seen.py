"""Seen: what a branch's events showed of its services, counters and customers, and what that says of a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Final

import numpy as np

from edge.branch.plan import Plan
from edge.branch.state import QueueState, Ticket
from edge.forecast import baselines, course
from edge.forecast.arrivals import Arrivals
from edge.forecast.features import UNKNOWN, Features
from edge.forecast.staffed import Staffed
from edge.forecast.turns import Grid, quantiles

_LATELY_S: Final = 1200.0
_GAP_MAX_S: Final = 180.0  # a longer one between two customers was a pause


class Service:
    """What was seen of one service; bounded."""

    def __init__(self) -> None:
        self.turns_before_s: deque[float] = deque(maxlen=400)
        self.before: Grid | None = None  # their quantiles
        self.turns_today_s: deque[float] = deque(maxlen=50)
        self.waits_s: deque[float] = deque(maxlen=5)
        self.calls: deque[float] = deque(maxlen=200)  # when
        self.arrivals: deque[float] = deque(maxlen=200)  # when

    def day_over(self) -> None:
        """Today's turns become those of other days."""
        self.turns_before_s.extend(self.turns_today_s)
        self.before = quantiles(list(self.turns_before_s))
        self.turns_today_s.clear()
        self.waits_s.clear()


class Seen:
    """Grown event by event; times never go back."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self._day: date | None = None
        self._services: dict[str, Service] = {}
        self._gaps_s: deque[float] = deque(maxlen=200)  # between a customer's end and the next call, while others wait
        self._freed_at: dict[str, float] = {}  # by counter, while somebody waited
        self._staffed = Staffed()
        self._rolling = baselines.RollingMean()
        self.arrivals = Arrivals()

    def rolled(self, now: float) -> bool:
        """Whether a new day has begun; then the one before becomes part of what is usual."""
        day = datetime.fromtimestamp(now, self._timezone).date()
        if self._day is not None and day <= self._day:
            return False  # what is told late belongs to the day that is over
        if self._day is not None:
            self._staffed.day_over()
            self.arrivals.day_over(self._day.weekday())
        self._day, self._freed_at = day, {}
        for service in self._services.values():
            service.day_over()
        return True

    def issued(self, ticket: Ticket, now: float) -> None:
        """Somebody came."""
        self._of(ticket.service).arrivals.append(now)
        self.arrivals.came(ticket.service, _second(datetime.fromtimestamp(now, self._timezone)))

    def called(self, ticket: Ticket, counter: str | None, now: float) -> None:
        """Somebody was called; `ticket` as it was before."""
        service = self._of(ticket.service)
        service.calls.append(now)
        if ticket.calls == 0:
            service.waits_s.append(now - ticket.issued_at)
        if counter is None:
            return
        self._staffed.called(ticket.service, counter, _second(datetime.fromtimestamp(now, self._timezone)))
        freed_at = self._freed_at.pop(counter, None)
        if freed_at is not None and now - freed_at < _GAP_MAX_S:
            self._gaps_s.append(now - freed_at)

    def waited(self, ticket: Ticket, wait_s: float) -> None:
        """A wait that was none of nothing is over."""
        issued = datetime.fromtimestamp(ticket.issued_at, self._timezone)
        self._rolling.add(ticket.service, issued.weekday(), issued.hour, wait_s)

    def ended(self, ticket: Ticket, now: float, *, others_wait: bool, guessed: bool) -> None:
        """A turn at a counter is over; a `guessed` end teaches nothing of how long one takes."""
        if ticket.called_at is not None and not guessed:
            self._of(ticket.service).turns_today_s.append(now - ticket.called_at)
        if ticket.counter is not None and others_wait:
            self._freed_at[ticket.counter] = now

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
        turn, local = self.turns(plan, queue), datetime.fromtimestamp(now, self._timezone)
        likely = course.called_s(plan, queue, [*waiting, course.newcomer(service, class_, now)], turn, now, only_last=True)[:, -1]
        p50_s, p90_s = np.quantile(likely, (0.5, 0.9)) if np.isfinite(likely).all() else (UNKNOWN, UNKNOWN)
        mean_s = None if (grid := turn.get(service)) is None else float(grid.mean())
        ahead, second = sum(1 for t in waiting if t.service == service), _second(local)
        counters = sum(1 for c in course.open_counters(plan, queue, now) if service in c.services)
        seen = self._services.get(service, Service())
        calls = sum(1 for t in seen.calls if t > now - _LATELY_S)
        return Features(
            likely_p50_s=float(p50_s),
            likely_p90_s=float(p90_s),
            queue_length_s=_or(baselines.queue_length(ahead, mean_s, counters)),
            last_to_enter_s=_or(baselines.last_to_enter_service(seen.waits_s)),
            head_of_line_s=baselines.head_of_line(queue.tickets, service, now),
            rolling_mean_s=_or(self._rolling.at(service, local.weekday(), local.hour)),
            mean_last_waits_s=sum(seen.waits_s) / len(seen.waits_s) if seen.waits_s else UNKNOWN,
            ahead=float(ahead),
            waiting=float(len(waiting)),
            counters_open=float(counters),
            counters_usual=_or(self._staffed.usual(service, second)),
            counters_usual_next=_or(self._staffed.usual(service, second + 1800)),
            counters_usual_later=_or(self._staffed.usual(service, second + 3600)),
            turn_mean_s=_or(mean_s),
            since_call_s=now - seen.calls[-1] if seen.calls else UNKNOWN,
            calls_lately=float(calls),
            arrivals_lately=float(sum(1 for t in seen.arrivals if t > now - _LATELY_S)),
            arrivals_usual=_or(self.arrivals.expected(service, second, second + 3600, local.weekday())),
            paced_s=(ahead + 1) * _LATELY_S / calls if calls else UNKNOWN,
            hour=second / 3600,
            weekday=float(local.weekday()),
            service=float(next((i for i, id_ in enumerate(plan.services) if id_ == service), UNKNOWN)),
            class_credit_s=plan.classes[class_].credit_s if class_ in plan.classes else 0.0,
            busy_elapsed_s=_elapsed_s(queue, service, now),
        )

    def _of(self, service: str) -> Service:
        return self._services.setdefault(service, Service())


def _or(value: float | None) -> float:
    return UNKNOWN if value is None else value


def _second(local: datetime) -> float:
    return float(local.hour * 3600 + local.minute * 60 + local.second)


def _elapsed_s(queue: QueueState, service: str, now: float) -> float:
    serving = [(c.since, queue.tickets.get(c.ticket or "")) for c in queue.counters.values() if c.state == "serving"]
    elapsed_s = [now - since for since, ticket in serving if ticket is not None and ticket.service == service]
    return sum(elapsed_s) / len(elapsed_s) if elapsed_s else UNKNOWN
