"""Cameras of a branch that starts again: their totals go on, nobody is lost and nobody comes twice."""

from __future__ import annotations

from devices.camera import CameraSettings
from devices.reading import Sample
from edge.branch.plan import Door
from edge.branch.state import BranchState
from edge.branch.step import resume, step, tick
from edge.cameras import known_totals
from edge.event import Event
from edge.vision.counting import Crossing
from edge.vision.pipeline import Teller
from edge.vision.view import Seen
from tests.edge.branch.branches import NINE, plan, sample

SETTINGS = CameraSettings.model_validate({"url": "x.mp4", "lines": {"entrance": {"points": [[0.1, 0.5], [0.9, 0.5]], "door": "main"}}})
PLAN = plan(doors={"main": Door("main", {}, "door-camera", ("door-beam",))})


class Branch:
    """A branch whose door is counted by a camera, from its first second."""

    def __init__(self, kept: list[Event], now: float) -> None:
        self.now, self.events = now, list[Event]()
        self.state = resume(PLAN, kept) if kept else BranchState()
        self._keep(*tick(PLAN, self.state, now))
        self._teller = Teller(SETTINGS, self._told, known_totals(self.state, "door-camera", SETTINGS))

    def sees(self, *crossings: str) -> None:
        """A picture, ten seconds later, in which people cross."""
        self.now += 10
        made = tuple(Crossing("entrance", 1, direction, 0, 0.0) for direction in crossings)  # type: ignore[arg-type]
        self._teller.saw(Seen((), made, (), {}, None, looked=True), self.now)

    def people(self, direction: str) -> list[int]:
        """Who was counted, by event."""
        return [event.data["people"] for event in self.events if event.type == "door.crossed" and event.data["direction"] == direction]

    def _told(self, told: Sample) -> None:
        self._keep(*step(PLAN, self.state, sample("door-camera", told.quantity, told.value, told.part), self.now))

    def _keep(self, state: BranchState, events: list[Event]) -> None:
        self.state = state
        self.events += events


async def test_a_restart_tells_nothing_and_loses_nobody() -> None:
    before = Branch([], NINE)
    before.sees()
    before.sees("in", "in", "out")
    after = Branch(before.events, before.now + 60)
    after.sees()
    after.sees("in", "out", "out")
    assert (before.people("in"), before.people("out")) == ([2], [1])
    assert (after.people("in"), after.people("out")) == ([1], [2])
    assert not {event.type for event in after.events} & {"door.counter_restarted", "door.counter_began"}
    assert known_totals(after.state, "door-camera", SETTINGS) == {("entrance", "in"): 3, ("entrance", "out"): 3}


async def test_a_camera_that_was_never_heard_begins_at_nothing() -> None:
    branch = Branch([], NINE)
    assert known_totals(branch.state, "door-camera", SETTINGS) == {}
    branch.sees("in")
    assert branch.people("in") == []  # a first total counts nobody
    assert {event.data["total"] for event in branch.events if event.type == "door.counter_began"} == {0, 1}
