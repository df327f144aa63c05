"""Decide: all rules, one after the other, made into one decision whose commands do not contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from devices.reading import Command
from edge.branch.plan import Plan
from edge.branch.state import BranchState
from edge.forecast.wait import Forecast
from edge.rules.alerts import alerts
from edge.rules.comfort import comfort
from edge.rules.decision import Decision
from edge.rules.fresh_air import fresh_air
from edge.rules.known import by_hand, reachable, told
from edge.rules.light import light
from edge.rules.limits import limits
from edge.rules.music import music
from edge.rules.safety import harmless
from edge.rules.staffing import staffing

Rule = Callable[[Plan, BranchState, Forecast, float], Decision]

RULES: Final[tuple[Rule, ...]] = (comfort, fresh_air, light, music, alerts, staffing)
"""In order of rank: of two that command the same quantity of a device the first has its way."""


def decide(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:
    """What should be so now (unix seconds), by every rule.

    Conflicts: a hand that set a quantity outranks every rule until its time is over; of two rules the first of `RULES`
    wins; a device that is offline is told nothing (its wish comes again when it is back); and every value is brought
    within bounds that may stand for ever.
    """
    decisions = [rule(plan, state, forecast, now) for rule in RULES]
    commands = _first_of_each(command for decision in decisions for command in decision.commands)
    limit = limits(plan)
    return Decision(
        commands=tuple(harmless(command, now, limit) for command in commands if _may(state, command, now)),
        alerts=tuple({alert.id: alert for decision in decisions for alert in decision.alerts}.values()),
        advice=tuple({advice.id: advice for decision in decisions for advice in decision.advice}.values()),
    )


def _first_of_each(commands: Iterable[Command]) -> list[Command]:
    kept: dict[tuple[str, str, str], Command] = {}
    for command in commands:
        kept.setdefault((command.device, command.quantity, command.part), command)
    return list(kept.values())


def _may(state: BranchState, command: Command, now: float) -> bool:
    return reachable(state, command.device) and not by_hand(told(state, command.device, command.quantity), now)
