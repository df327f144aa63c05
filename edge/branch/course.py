"""Course: a state on its way through one step; whatever durable changes in it is told as an event and folded in at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from edge.branch.fold import apply
from edge.branch.plan import Plan
from edge.branch.state import BranchState, ClimateState, FleetState, OccupancyState, QueueState
from edge.event import Event


class Course:
    """The state so far and the events so far; made for one step and then thrown away."""

    def __init__(self, plan: Plan, state: BranchState, now: float) -> None:
        self.plan = plan
        self.state = state
        self.now = now
        self.events: list[Event] = []

    @property
    def queue(self) -> QueueState:
        """The queue as it is by now."""
        return self.state.queue

    def tell(self, type_: str, data: Mapping[str, Any], t: float | None = None) -> None:
        """Make an event and fold it in; times are kept to the millisecond, as they are written."""
        event = Event(type_, round(self.now if t is None else t, 3), data)
        self.events.append(event)
        self.state = apply(self.plan, self.state, event)

    def set_queue(self, queue: QueueState) -> None:
        """Keep what is not folded of the queue."""
        self.state = replace(self.state, queue=queue)

    def set_occupancy(self, occupancy: OccupancyState) -> None:
        """Keep what was newly heard of people."""
        self.state = replace(self.state, occupancy=occupancy)

    def set_climate(self, climate: ClimateState) -> None:
        """Keep what was newly heard of air and plant."""
        self.state = replace(self.state, climate=climate)

    def set_fleet(self, fleet: FleetState) -> None:
        """Keep what was newly heard of devices."""
        self.state = replace(self.state, fleet=fleet)
