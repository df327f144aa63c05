"""Standing: the alerts that should stand, the commands that are under way, and what came of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from devices.reading import Command, Outcome
from edge.branch import alerts, fleet, plant, queue
from edge.branch.course import Course
from edge.branch.plan import Plan
from edge.branch.state import BranchState
from edge.event import Event

_NOT_PRINTED: Final = frozenset({Outcome.REFUSED, Outcome.EXPIRED, Outcome.FAILED})


def with_alerts(plan: Plan, state: BranchState, raised: Sequence[alerts.Raised], now: float) -> tuple[BranchState, list[Event]]:
    """The state in which just these alerts stand."""
    course = Course(plan, state, now)
    alerts.compare(course, raised)
    return course.state, course.events


def with_command(plan: Plan, state: BranchState, command: Command, now: float) -> BranchState:
    """The state in which a command is under way."""
    course = Course(plan, state, now)
    plant.commanded(course, command)
    return course.state


def with_outcome(
    plan: Plan, state: BranchState, command: Command, outcome: Outcome, detail: str, now: float
) -> tuple[BranchState, list[Event]]:
    """The state after a command came out so: of plant an event, of a ticket that could not be printed another."""
    course = Course(plan, state, now)
    if outcome is Outcome.CONFIRMED:
        fleet.present(course, command.device)
    if command.quantity in plant.QUANTITIES:
        plant.outcome(course, command, outcome, detail)
    if command.quantity == "print_ticket" and outcome in _NOT_PRINTED and (name := _ticket(command)) in course.queue.printing:
        queue.printed(course, name, "failed")
    return course.state, course.events


def _ticket(command: Command) -> str:
    """The ticket that a `print_ticket` of ours was about."""
    body = json.loads(str(command.value))
    return str(body["ticket"])
