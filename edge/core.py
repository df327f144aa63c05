"""The core of the branch: what is so and what to do, joined; pure apart from holding its state, so any day can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from devices.reading import Command, Occurrence, Outcome, Sample
from edge.branch.orders import displayed, orders
from edge.branch.plan import Plan
from edge.branch.plant import QUANTITIES as PLANT_QUANTITIES
from edge.branch.request import answer
from edge.branch.standing import with_alerts, with_command, with_outcome
from edge.branch.state import BranchState, QueueState
from edge.branch.step import jumped, step, tick
from edge.dispatch import due, with_reasons, with_texts
from edge.event import Event
from edge.forecast.experience import Experience
from edge.forecast.wait import Forecast
from edge.forecast.waits import forecast
from edge.rules.decide import decide
from edge.rules.decision import Advice
from edge.rules.safety import at_stop


class Done(msgspec.Struct, frozen=True):
    """What came of one input: events to keep, and commands to send once they are kept."""

    events: list[Event]
    commands: list[Command]


class Core:
    """A branch from its inputs: the same inputs at the same moments give the same events, commands and state."""

    def __init__(self, plan: Plan, state: BranchState) -> None:
        self.plan = plan
        self.state = state
        self.forecast: Forecast = Forecast()
        self.experience: Experience | None = None
        self.learn: Callable[[QueueState, Sequence[Event]], None] = _learn_nothing
        """Told of each step's events and the queue before them, to grow `experience`."""
        self.advice: tuple[Advice, ...] = ()
        self._commands = 0

    def take(self, happening: Sample | Occurrence, now: float) -> Done:
        """Something was heard."""
        before = self.state
        self.state, events = step(self.plan, before, happening, now)
        return self._done(before, events, now)

    def tick(self, now: float) -> Done:
        """A second has passed: days roll over, silence is noticed, rules decide."""
        before = self.state
        self.state, events = tick(self.plan, before, now)
        self.foresee(now)
        decision = decide(self.plan, self.state, self.forecast, now)
        self.advice = _kept(self.advice, decision.advice, now)
        self.state, changed = with_alerts(self.plan, self.state, decision.alerts, now)
        done = self._done(before, [*events, *changed], now)
        wishes = list(due(self.state, decision.commands, now))
        self.state = with_texts(with_reasons(self.state, decision.commands), decision.alerts)
        return Done(done.events, [*done.commands, *self._sent(wishes, now)])

    def ask(self, verb: str, arguments: Mapping[str, Any], now: float) -> tuple[Done, Mapping[str, Any]]:
        """A person asks for something of the queue or the plant.

        Raises:
            RefusedError: it cannot be, and why.
        """
        before = self.state
        self.state, events, data = answer(self.plan, before, verb, arguments, now)
        return self._done(before, events, now), data

    def outcome(self, command: Command, outcome: Outcome, detail: str, now: float) -> list[Event]:
        """What came of a command; events where it was to the plant, or a ticket could not be printed."""
        self.state, events = with_outcome(self.plan, self.state, command, outcome, detail, now)
        return events

    def jumped(self, by_s: float, now: float) -> list[Event]:
        """The wall clock jumped by `by_s` and is now `now`."""
        self.state, events = jumped(self.plan, self.state, by_s, now)
        return events

    def foresee(self, now: float) -> None:
        """Bring the forecast up to what has just happened."""
        self.forecast = forecast(self.plan, self.state, now, self.experience)

    def shown(self, now: float) -> list[Command]:
        """What the displays should show now: after a start nobody knows what the last run still sent."""
        return self._sent(displayed(self.plan, self.state, now), now)

    def leave(self, now: float) -> list[Command]:
        """What to command before the branch is left alone."""
        return self._sent(list(due(self.state, at_stop(self.plan, self.state, now).commands, now)), now)

    def _done(self, before: BranchState, events: list[Event], now: float) -> Done:
        commands = orders(self.plan, before, self.state, events) if self.state is not before else []
        self.learn(before.queue, events)
        return Done(events, self._sent(commands, now))

    def _sent(self, commands: list[Command], now: float) -> list[Command]:
        """The commands by their ids, and the plant's noted as under way."""
        sent: list[Command] = []
        for command in commands:
            self._commands += 1
            sent.append(msgspec.structs.replace(command, id=f"c{self._commands}"))
            if command.quantity in PLANT_QUANTITIES:
                self.state = with_command(self.plan, self.state, sent[-1], now)
        return sent


def _learn_nothing(_queue: QueueState, _events: Sequence[Event]) -> None:
    """Without experience the forecast is that of the line alone."""


def _kept(before: Sequence[Advice], new: Sequence[Advice], now: float) -> tuple[Advice, ...]:
    """Advice stands until its time is over, or newer words for it come: near a target it would flicker."""
    said = {advice.id for advice in new}
    return (*new, *(advice for advice in before if advice.id not in said and advice.until > now))
