"""The crowd inside a simulated branch: where each visitor is and what each does next; pure, moved by `step(now)`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from typing import Final

import msgspec

from devices.simulated.customers import Customer
from devices.simulated.happening import CheckedIn, Crossed, Happening, TerminalUsed, TicketWanted
from devices.simulated.scenario import TERMINALS

_STANDS_S: Final = 420.0  # how long the longest wait is at most told as standing: chairs take the rest


class Stage(Enum):
    """Where a visitor is in the visit."""

    ENTERING = auto()
    AT_MACHINE = auto()  # wants a ticket and has none yet
    WAITING = auto()
    CALLED = auto()  # walks to the counter
    AT_COUNTER = auto()
    SERVED = auto()
    USING = auto()  # a terminal
    LEAVING = auto()


_ZONE: Final = {
    Stage.CALLED: "counters",
    Stage.AT_COUNTER: "counters",
    Stage.SERVED: "counters",
    Stage.USING: "self-service",
}


class Visit(msgspec.Struct):
    """A customer inside; times are unix seconds, None where it has not happened."""

    number: int
    customer: Customer
    stage: Stage
    until: float  # when the stage ends by itself
    service: str | None
    ticket: str = ""
    counter: str = ""
    issued_at: float | None = None
    called_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    outcome: str = ""  # served | abandoned | terminal, once leaving


class Crowd:
    """Everybody inside, from the door in to the door out."""

    def __init__(self, seats: int = 24) -> None:
        self.visits: dict[int, Visit] = {}
        self.gone: list[Visit] = []
        self._coming: deque[Customer] = deque()
        self._seats = seats
        self._number = 0

    def expect(self, customers: Iterable[Customer]) -> None:
        """Add those who will come, in order of arrival."""
        self._coming.extend(customers)

    def step(self, now: float) -> Iterator[Happening]:
        """Move everybody to `now`."""
        while self._coming and self._coming[0].arrives_at <= now:
            yield self._enter(self._coming.popleft())
        for visit in tuple(self.visits.values()):
            if visit.until <= now:
                yield from self._move_on(visit)

    def _enter(self, customer: Customer) -> Happening:
        self._number += 1
        arrived = customer.arrives_at
        self.visits[self._number] = Visit(self._number, customer, Stage.ENTERING, arrived + customer.enter_s, customer.service)
        return Crossed(arrived, "in", customer.people)

    def _move_on(self, visit: Visit) -> Iterator[Happening]:
        t, customer = visit.until, visit.customer
        if visit.stage is Stage.ENTERING and customer.service is None:
            visit.stage, visit.until = Stage.USING, t + customer.service_s
        elif visit.stage is Stage.ENTERING:
            visit.stage, visit.until = Stage.AT_MACHINE, t + customer.patience_s
            if customer.appointment:
                yield CheckedIn(t, customer.appointment)
            yield TicketWanted(t, visit.number, customer.service or "", customer.class_)
        elif visit.stage is Stage.USING:
            yield TerminalUsed(t, tuple(TERMINALS)[visit.number % len(TERMINALS)])
            self._leave(visit, t, "terminal")
        elif visit.stage is Stage.CALLED:
            visit.stage, visit.until = Stage.AT_COUNTER, t + customer.patience_s
        elif visit.stage is Stage.LEAVING:
            self.gone.append(self.visits.pop(visit.number))
            yield Crossed(t, "out", customer.people)
        elif visit.stage in {Stage.AT_MACHINE, Stage.WAITING, Stage.AT_COUNTER}:
            self._leave(visit, t, "abandoned")

    def _leave(self, visit: Visit, t: float, outcome: str) -> None:
        visit.stage, visit.until, visit.outcome, visit.finished_at = Stage.LEAVING, t + visit.customer.leave_s, outcome, t

    def given(self, number: int, ticket: str, now: float) -> None:
        """The machine gave visitor `number` a ticket."""
        visit = self.visits.get(number)
        if visit and visit.stage is Stage.AT_MACHINE:
            visit.ticket, visit.issued_at, visit.stage, visit.until = ticket, now, Stage.WAITING, now + visit.customer.patience_s

    def called(self, ticket: str, counter: str, now: float) -> None:
        """A display shows `ticket`: its customer, if still waiting, walks there."""
        for visit in self._with(ticket, Stage.WAITING, Stage.CALLED, Stage.AT_COUNTER):
            if visit.counter != counter or visit.stage is Stage.WAITING:
                visit.stage, visit.counter, visit.until = Stage.CALLED, counter, now + visit.customer.walk_s
                visit.called_at = visit.called_at or now

    def begun(self, ticket: str, now: float) -> float:
        """The service of `ticket` begins; returns when it will be done (unix seconds)."""
        for visit in self._with(ticket, Stage.AT_COUNTER):
            visit.stage, visit.started_at, visit.until = Stage.SERVED, now, float("inf")
            return now + visit.customer.service_s
        return now

    def finished(self, ticket: str, now: float) -> None:
        """The agent is done with `ticket`: its customer leaves."""
        for visit in self._with(ticket, Stage.SERVED):
            self._leave(visit, now, "served")

    def sent_back(self, ticket: str, service: str, now: float) -> None:
        """The ticket goes back into the queue for another service."""
        for visit in self._with(ticket, Stage.SERVED):
            visit.stage, visit.service, visit.counter, visit.until = Stage.WAITING, service, "", now + visit.customer.patience_s

    def passed_over(self, ticket: str, now: float) -> None:
        """The ticket was called in vain; whoever still holds it gives up."""
        for visit in self._with(ticket, Stage.WAITING, Stage.CALLED, Stage.AT_COUNTER):
            self._leave(visit, now, "abandoned")

    def _with(self, ticket: str, *stages: Stage) -> list[Visit]:
        return [visit for visit in self.visits.values() if ticket and visit.ticket == ticket and visit.stage in stages]

    def stands_at(self, counter: str, ticket: str) -> Visit | None:
        """The visitor with `ticket` at `counter`, ready or being served."""
        return next((visit for visit in self._with(ticket, Stage.AT_COUNTER, Stage.SERVED) if visit.counter == counter), None)

    def is_waiting(self, ticket: str) -> bool:
        """Whether somebody inside waits with `ticket`, or walks with it to a counter."""
        return bool(self._with(ticket, Stage.WAITING, Stage.CALLED, Stage.AT_COUNTER))

    def waits_for(self, services: Sequence[str]) -> bool:
        """Whether somebody waits, with a ticket of one of `services`, and is not called yet."""
        return any(visit.stage is Stage.WAITING and visit.service in services for visit in self.visits.values())

    def waiting(self) -> list[Visit]:
        """Those who wait with a ticket, longest first."""
        return sorted((visit for visit in self.visits.values() if visit.stage is Stage.WAITING), key=lambda visit: visit.issued_at or 0.0)

    def standing(self, now: float) -> tuple[int, float]:
        """How many stand in the hall because no seat is free, and how long the longest of them (seconds)."""
        stand = self.waiting()[self._seats :]
        return len(stand), min(_STANDS_S, max((now - (visit.issued_at or now) for visit in stand), default=0.0))

    def people(self) -> dict[str, int]:
        """People in each zone now, companions included."""
        zones = {"hall": 0, "counters": 0, "self-service": 0}
        for visit in self.visits.values():
            zones[_ZONE.get(visit.stage, "hall")] += visit.customer.people
        return zones
