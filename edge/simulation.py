"""Closed loop: the core of the branch and the built-in branch in simulated time, no sockets, no sleeping."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Final

import msgspec

from devices.reading import Command, Occurrence, Outcome, Sample
from devices.simulated.closed_loop import ClosedLoop
from devices.simulated.scenario import SCENARIOS
from edge.branch.plan import Plan
from edge.branch.state import BranchState, QueueState
from edge.clock import day_of
from edge.config.load import load
from edge.config.plan import plan_of
from edge.core import Core, Done
from edge.event import Event
from edge.forecast.experience import Experience
from edge.forecast.following import follow
from edge.forecast.wait import Wait

_STEP_S: Final = 10.0
_DAY_S: Final = 86_400.0
_UNTIL_H: Final = 11.5
"""How long a day is run: from two hours before opening to an hour and a half after closing."""

Adjust = Callable[[float, list[Command]], list[Command]]


class Day(msgspec.Struct, frozen=True):
    """What came of some simulated days: the truth, what the branch made of it, and its forecasts beside what came."""

    scenario: str
    days: int
    truth: dict[str, Any]
    tickets: int
    tickets_truth: int
    door_in: int
    door_in_truth: int
    forecast_mae_s: float | None
    forecast_p90_coverage: float | None
    events: dict[str, int]
    commands: int


def built_in_plan() -> Plan:
    """The plan of the built-in branch, read from its own file as any branch's is."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "branch.yaml"
        file.write_text(ClosedLoop.branch_yaml(), encoding="utf-8")
        return plan_of(load(file))


def as_decided(_: float, commands: list[Command]) -> list[Command]:
    """Send what the rules decided."""
    return commands


class Simulation:
    """A branch and its world, moved together."""

    def __init__(self, scenario: str, seed: int, adjust: Adjust = as_decided, step_s: float = _STEP_S) -> None:
        """Both move `step_s` at a time.

        `adjust(now, commands)` may put other commands in place of the branch's own: a baseline for comparison.
        """
        if scenario not in SCENARIOS:
            raise KeyError(f"no scenario is called {scenario!r}; there are {', '.join(SCENARIOS)}")
        self.world = ClosedLoop(seed, scenario)
        self.core = Core(built_in_plan(), BranchState())
        self.core.experience = Experience(self.core.plan.timezone)
        self.core.learn = self._learn
        self.counted: Counter[str] = Counter()
        self.commands = 0
        self.people_in = 0
        self.forecasts: dict[str, Wait] = {}
        self._adjust, self._step_s = adjust, step_s
        self.each_step: Callable[[float], None] = lambda _: None  # told the time before each step
        self._pending: list[Command] = []

    def run(self, days: int) -> None:
        """Run whole days, their nights in one step each."""
        start = self.world.now
        for day in range(days):
            if day:
                self._step(start + day * _DAY_S - self.world.now)
            while self.world.now < start + day * _DAY_S + _UNTIL_H * 3600:
                self._step(self._step_s)

    def _learn(self, queue: QueueState, events: Sequence[Event]) -> None:
        if self.core.experience is not None:
            follow(self.core.experience, self.core.plan, queue, events)
            if any(event.type == "day.began" for event in events):
                self.core.experience.study()

    def _step(self, dt: float) -> None:
        self.each_step(self.world.now)
        commands = self._adjust(self.world.now, self._pending)
        self._pending = []
        self.commands += len(commands)
        now, samples, occurrences = self.world.step(dt, commands)
        for command in commands:
            self._events(self.core.outcome(command, Outcome.CONFIRMED, "simulated", now))
        heard: Iterable[Sample | Occurrence] = (*samples, *occurrences)
        for one in heard:
            self._done(self.core.take(one, now))
        self._done(self.core.tick(now))

    def _done(self, done: Done) -> None:
        self._pending = [*self._pending, *done.commands]
        self._events(done.events)

    def _events(self, events: list[Event]) -> None:
        for event in events:
            self.counted[event.type] += 1
            if event.type == "ticket.issued" and (wait := self.core.forecast.by_service.get(event.data["service"])):
                self.forecasts[f"{self.core.state.day}/{event.data['ticket']}"] = wait
            if event.type == "door.crossed" and event.data["direction"] == "in":
                self.people_in += event.data["people"]

    def day(self, days: int) -> Day:
        """The sums so far."""
        pairs = [(wait, one.wait_s) for one in self.world.finished if (wait := self._forecast_of(one.issued_at, one.ticket)) and one.wait_s]
        figures = msgspec.to_builtins(self.world.truth)
        return Day(
            scenario=self.world.scenario.name,
            days=days,
            truth=figures,
            tickets=self.counted["ticket.issued"],
            tickets_truth=self.world.issued,
            door_in=self.people_in,
            door_in_truth=self.world.people_in,
            forecast_mae_s=round(mean(abs(wait.p50_s - came) for wait, came in pairs), 1) if pairs else None,
            forecast_p90_coverage=round(mean(came <= wait.p90_s for wait, came in pairs), 3) if pairs else None,
            events=dict(sorted(self.counted.items())),
            commands=self.commands,
        )

    def _forecast_of(self, issued_at: float | None, ticket: str) -> Wait | None:
        if issued_at is None:
            return None
        return self.forecasts.get(f"{day_of(issued_at, self.core.plan.timezone)}/{ticket}")


def simulate(scenario: str, days: int, seed: int) -> Day:
    """The figures of `days` simulated days.

    Raises:
        KeyError: no such scenario.
    """
    simulation = Simulation(scenario, seed)
    simulation.run(days)
    return simulation.day(days)
