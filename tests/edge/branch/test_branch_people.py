"""People: zones from several sources, doors from running totals, and what is put right when nobody can be there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.reading import Quality, Sample
from edge.branch.doors import differences, people_between
from edge.branch.state import BranchState, People
from edge.branch.step import resume, step, tick
from edge.event import Event
from tests.edge.branch.branches import NINE, plan, sample

PLAN = plan()


class Watched:
    """A branch that hears samples at seconds after nine."""

    def __init__(self) -> None:
        self.state, self.kept = tick(PLAN, BranchState(), NINE)

    def at(self, second: float, heard: Sample | None = None) -> list[Event]:
        """The events of occupancy of a sample, or of a tick."""
        now = NINE + second
        self.state, events = step(PLAN, self.state, heard, now) if heard else tick(PLAN, self.state, now)
        self.kept += events
        return [event for event in events if event.type.startswith(("door.", "occupancy.corrected"))]

    def beam(self, second: float, quantity: str, total: Any, **more: Any) -> list[Event]:
        """A total of the door's own source."""
        return self.at(second, sample("door-beam", quantity, total, **more))


def test_measured_beats_inferred_and_missing_is_not_zero() -> None:
    branch = Watched()
    branch.at(1, sample("vtm-01", "presence", True))
    assert branch.state.occupancy.zones["hall"] == People(1, Quality.INFERRED, ("vtm-01",), NINE + 1)
    branch.at(2, sample("hall-queue", "waiting", 4))
    assert branch.state.occupancy.zones["hall"] == People(4, Quality.INFERRED, ("hall-queue",), NINE + 2)
    branch.at(3, sample("lobby", "people", 7, "hall"))
    assert branch.state.occupancy.zones["hall"] == People(7, Quality.MEASURED, ("lobby",), NINE + 3)
    branch.at(4, sample("lobby", "people", None, "hall", quality=Quality.MISSING))
    assert branch.state.occupancy.zones["hall"].sources == ("hall-queue",)
    branch.at(5, sample("hall-queue", "waiting", None, quality=Quality.MISSING))
    branch.at(6, sample("vtm-01", "presence", None, quality=Quality.MISSING))
    assert branch.state.occupancy.zones["hall"] == People(None, Quality.MISSING, (), NINE + 6)


def test_what_its_source_calls_a_guess_stays_one() -> None:
    branch = Watched()
    branch.at(1, sample("lobby", "people", 7, "hall"))
    branch.at(2, sample("lobby", "people", 7, "hall", quality=Quality.INFERRED))
    assert branch.state.occupancy.zones["hall"] == People(7, Quality.INFERRED, ("lobby",), NINE + 2)
    branch.beam(3, "in_total", 1)
    branch.beam(4, "in_total", 1, quality=Quality.INFERRED)
    assert branch.state.occupancy.doors["main"].quality is Quality.INFERRED


def test_a_camera_that_says_nothing_more_is_missing_and_so_is_one_that_is_away() -> None:
    branch = Watched()
    branch.at(1, sample("lobby", "people", 0, "hall"))
    branch.at(120)
    assert branch.state.occupancy.zones["hall"].people == 0
    branch.at(122)
    assert branch.state.occupancy.zones["hall"].people is None
    branch.at(130, sample("lobby", "people", 3, "hall"))
    branch.at(131, sample("lobby", "state", "offline"))
    branch.at(132)
    assert branch.state.occupancy.zones["hall"].people is None


def test_a_device_that_speaks_only_at_a_change_is_believed_until_it_does() -> None:
    lobby = plan().devices["lobby"]
    patient = plan(devices={"lobby": type(lobby)("lobby", "camera", {}, "hall", stale_after_s=0.0)})
    state, _ = step(patient, BranchState(), sample("lobby", "people", 3), NINE)
    state, events = tick(patient, state, NINE + 7 * 3600)
    assert state.occupancy.zones["hall"].people == 3
    assert not [event for event in events if event.type.startswith("device.")]


def test_each_minute_head_office_is_told_and_unknown_is_told_as_unknown() -> None:
    branch = Watched()
    branch.at(50, sample("lobby", "people", 3, "hall"))
    branch.at(59)
    assert not [event for event in branch.kept if event.type == "occupancy.sampled"]
    branch.at(60)
    told = {event.data["zone"]: event.data for event in branch.kept if event.type == "occupancy.sampled"}
    assert told["hall"] == {"zone": "hall", "people": 3, "quality": "measured", "sources": ["lobby"]}
    assert told["counters"] == {"zone": "counters", "people": None, "quality": "missing", "sources": []}


def test_totals_become_people_once_also_those_of_a_restart() -> None:
    branch = Watched()
    (began,) = branch.beam(1, "in_total", 100)
    assert (began.type, began.data["total"]) == ("door.counter_began", 100)
    (crossed,) = branch.beam(11, "in_total", 103)
    assert crossed.data == {"door": "main", "direction": "in", "source": "door-beam", "part": "", "total": 103, "people": 3}
    assert branch.beam(12, "in_total", 103) == []
    branch.state = resume(PLAN, branch.kept)
    assert branch.state.occupancy.doors["main"].quality is Quality.MISSING
    (while_down,) = branch.beam(1200, "in_total", 110)
    assert while_down.data["people"] == 7
    assert branch.state.occupancy.doors["main"].in_today == 10
    assert branch.state.occupancy.inside == 10


@pytest.mark.parametrize(
    ("before", "total", "elapsed_s", "wraps_at", "people"),
    [
        (65_530, 4, 10, 65_536, 10),
        (4, 65_530, 10, 65_536, None),
        (10, 0, 10, None, None),
        (0, 200, 60, None, 200),
        (0, 201, 60, None, None),
        (0, 2000, 600, None, 2000),
        (0, 4, 0, None, 4),
        (0, 4, -86_400, None, 4),
    ],
)
def test_steps(before: int, total: int, elapsed_s: float, wraps_at: int | None, people: int | None) -> None:
    assert people_between(before, total, elapsed_s, wraps_at) == people


@given(st.lists(st.integers(0, 30), max_size=30), st.sampled_from([None, 256, 65_536]), st.integers(0, 255))
def test_everybody_is_counted_once_however_the_counter_wraps(steps: list[int], wraps_at: int | None, start: int) -> None:
    branch, total = Watched(), start
    branch.beam(0, "in_total", total, wraps_at=wraps_at)
    for second, people in enumerate(steps, 1):
        total = (total + people) % (wraps_at or 10**9)
        branch.beam(second * 10, "in_total", total, wraps_at=wraps_at)
        branch.beam(second * 10 + 1, "in_total", total, wraps_at=wraps_at)
    count = branch.state.occupancy.doors.get("main")
    assert (count.in_today if count else 0) == sum(steps)


def test_a_counter_that_began_again_is_told_and_counts_nobody() -> None:
    branch = Watched()
    branch.beam(1, "out_total", 400)
    (restarted,) = branch.beam(2, "out_total", 3)
    assert (restarted.type, restarted.data["was"], restarted.data["total"]) == ("door.counter_restarted", 400, 3)
    (crossed,) = branch.beam(20, "out_total", 5)
    assert crossed.data["people"] == 2
    assert branch.state.occupancy.doors["main"].out_today == 2


@pytest.mark.parametrize("value", [None, -1, 1.5, "many", True, float("nan")])
def test_what_is_no_total_counts_nobody(value: Any) -> None:
    branch = Watched()
    branch.beam(1, "in_total", 7)
    assert branch.beam(2, "in_total", value) == []
    assert branch.state.occupancy.doors["main"].quality is Quality.MISSING
    assert branch.beam(3, "in_total", 7) == []
    assert branch.state.occupancy.doors["main"].quality is Quality.MEASURED


def test_another_source_at_the_door_is_compared_and_not_counted() -> None:
    branch = Watched()
    branch.beam(1, "in_total", 0)
    branch.at(2, sample("door-camera", "in_total", 0, "entrance"))
    branch.beam(11, "in_total", 5)
    assert branch.at(12, sample("door-camera", "in_total", 7, "entrance")) == []
    assert branch.state.occupancy.doors["main"].in_today == 5
    assert differences(branch.state.occupancy) == {"main/door-camera": 2}
    branch.beam(21, "in_total", 9)
    branch.at(22, sample("door-camera", "in_total", 12, "entrance"))
    assert differences(branch.state.occupancy) == {"main/door-camera": 3}
    assert branch.state.fleet.devices["door-camera"].facts == {"in_seen": 12, "out_seen": 0, "door_difference": 3}
    branch.beam(31, "in_total", 11)
    assert branch.state.fleet.devices["door-camera"].facts["door_difference"] == 1
    branch.at(32, sample("door-camera", "in_total", 14, "entrance"))
    compared = [event.data for event in branch.at(16 * 3600) if event.type == "door.compared"]
    assert compared == [{"door": "main", "source": "door-camera", "in": 14, "out": 0, "difference": 3}]


def test_totals_that_come_close_together_are_compared_once() -> None:
    branch = Watched()
    for second, total in enumerate([0, 1, 2, 2, 3]):
        branch.at(second, sample("door-camera", "in_total", total, "entrance"))
    assert branch.state.occupancy.compared["main/door-camera"].in_seen == 3


def test_of_two_cameras_the_one_that_sees_more_is_believed() -> None:
    branch = Watched()
    branch.at(1, sample("lobby", "people", 3, "hall"))
    branch.at(2, sample("door-camera", "people", 5, "hall"))
    branch.at(3, sample("lobby", "people", 4, "hall"))
    assert branch.state.occupancy.zones["hall"] == People(5, Quality.MEASURED, ("lobby", "door-camera"), NINE + 2)


def test_inside_is_put_right_when_it_is_measured_empty() -> None:
    branch = Watched()
    branch.beam(0, "in_total", 0)
    branch.beam(10, "in_total", 4)
    corrected: list[Event] = []
    for second in range(20, 800, 20):
        branch.at(second, sample("lobby", "people", 0, "hall"))
        branch.at(second, sample("lobby", "people", 0, "counters"))
        corrected += branch.at(second)
    assert [event.data for event in corrected] == [{"inside": 0, "was": 4, "why": "measured empty"}]
    assert corrected[0].t == NINE + 620
    assert branch.state.occupancy.inside == 0


def test_inside_is_put_right_after_closing() -> None:
    branch = Watched()
    branch.beam(0, "in_total", 0)
    branch.beam(10, "in_total", 4)
    assert branch.at(8 * 3600 + 1790) == []
    (corrected,) = branch.at(8 * 3600 + 1801)
    assert corrected.data == {"inside": 0, "was": 4, "why": "closed"}


def test_more_go_out_than_came_in_and_nobody_is_less_than_nobody() -> None:
    branch = Watched()
    branch.beam(0, "out_total", 0)
    branch.beam(10, "out_total", 4)
    assert branch.state.occupancy.inside == 0
