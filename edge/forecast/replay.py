"""Replay: a branch's own history once more, event by event, so that each moment knows only what was known then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final

from msgspec.structs import replace

from edge.branch.plan import Counter, Hours, Plan, Service, TicketClass
from edge.branch.state import CounterState, QueueState
from edge.event import Event
from edge.forecast.experience import Experience
from edge.forecast.following import follow

_GONE_AFTER: Final = 2  # later ones of a service and class called before a ticket, then its customer seems to have gone


class Replay:
    """The branch as it learns of its events; `plan` grows by the services, classes and counters that are seen."""

    def __init__(self, timezone: tzinfo, credits_s: Mapping[str, float]) -> None:
        self._timezone = timezone
        self.experience = Experience(timezone)
        self.queue = QueueState()
        classes = {id_: TicketClass(id_, {}, credit_s) for id_, credit_s in credits_s.items()}
        self.plan = Plan("history", {}, timezone, "en", Hours(), {}, "machine", 0.0, {}, classes, {}, {}, {})

    def step(self, event: Event) -> None:
        """Take in the next event; times never go back."""
        day = datetime.fromtimestamp(event.t, self._timezone).strftime("%Y-%m-%d")
        if day != self.queue.day:
            self.queue = QueueState(day)
        if event.type == "ticket.issued":
            self._met(event.data["service"])
        if event.type == "ticket.called":
            self._before_call(event)
        self._fold(event)
        if event.type == "ticket.called":
            self._overtaken()

    def _fold(self, event: Event) -> None:
        self.queue = follow(self.experience, self.plan, self.queue, [event])

    def _before_call(self, event: Event) -> None:
        """A counter that calls has ended what it did before, and gives the service it calls for."""
        counter, ticket = event.data["counter"], self.queue.tickets.get(event.data["ticket"])
        if counter is None or ticket is None:
            return
        self._gives(counter, ticket.service)
        ended = self.queue.counters.get(counter, CounterState()).ticket
        if ended is not None and ended in self.queue.tickets:
            self._fold(Event("ticket.finished", event.t, {"ticket": ended, "counter": counter}))

    def _overtaken(self) -> None:
        gone = {
            n: replace(t, inferred_gone=True) for n, t in self.queue.tickets.items() if t.overtaken >= _GONE_AFTER and not t.inferred_gone
        }
        if gone:
            self.queue = replace(self.queue, tickets={**self.queue.tickets, **gone})

    def _met(self, service: str) -> None:
        if service not in self.plan.services:
            self.plan = replace(self.plan, services={**self.plan.services, service: Service(service, {}, "")})

    def _gives(self, counter: str, service: str) -> None:
        known = self.plan.counters.get(counter, Counter(counter, ()))
        if service not in known.services:
            grown = replace(known, services=(*known.services, service))
            self.plan = replace(self.plan, counters={**self.plan.counters, counter: grown})
