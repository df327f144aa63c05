"""Following: experience grown from events alone, as they happen or from the store when the daemon starts."""

from __future__ import annotations

from collections.abc import Iterable

from edge.branch.plan import Plan
from edge.branch.queue_fold import FOLDS
from edge.branch.state import QueueState
from edge.event import Event
from edge.forecast.experience import Experience


def follow(experience: Experience, plan: Plan, queue: QueueState, events: Iterable[Event]) -> QueueState:
    """Take in `events`, of which the first meets `queue`; returns the queue after the last.

    When the daemon starts: the events of the last weeks from an empty `QueueState()`, then `experience.study()`.
    """
    for event in events:
        before = queue
        if event.type == "day.began":
            queue = QueueState(day=event.data["day"])
        elif (fold := FOLDS.get(event.type)) is not None:
            queue = fold(before, event.t, event.data)
            experience.happened(plan, before, queue, event)
    return queue
