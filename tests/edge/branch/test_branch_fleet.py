"""The fleet: states told once with a reason, silence, flapping, parents; alerts that stand."""

from __future__ import annotations

from devices.reading import Sample
from edge.branch.standing import with_alerts
from edge.branch.state import BranchState
from edge.branch.step import resume, step, tick
from edge.event import Event
from edge.rules.decision import Raised
from tests.edge.branch.branches import NINE, plan, sample

ONLY = {"hall-air": plan().devices["hall-air"], "hall-ac": plan().devices["hall-ac"], "gateway": plan().devices["gateway"]}
PLAN = plan(devices=ONLY, doors={})
AWAY = {"en": "line away", "zh-CN": "线路中断"}


class Fleet:
    """Three devices, of which one carries the others, at seconds after nine."""

    def __init__(self) -> None:
        self.state, self.kept = tick(PLAN, BranchState(), NINE)

    def at(self, second: float, heard: Sample | None = None) -> list[tuple[str, str]]:
        """Type and device of the events of a sample, or of a tick."""
        now = NINE + second
        self.state, events = step(PLAN, self.state, heard, now) if heard else tick(PLAN, self.state, now)
        events = [event for event in events if event.type.startswith("device.")]
        self.kept += events
        return [(event.type, event.data["device"]) for event in events]

    def says(self, second: float, device: str, state: str, part: str = "") -> list[tuple[str, str]]:
        """A device's driver says how it is."""
        return self.at(second, sample(device, "state", state, part, reason=None if state == "online" else AWAY))

    def measures(self, second: float, device: str = "gateway", value: float = 1.0) -> list[tuple[str, str]]:
        """A device measures."""
        return self.at(second, sample(device, "power_w", value))


def test_first_heard_is_online_and_told_once() -> None:
    fleet = Fleet()
    assert fleet.measures(1) == [("device.online", "gateway")]
    assert fleet.measures(2) == []
    fleet.state = resume(PLAN, fleet.kept)
    assert fleet.state.fleet.devices["gateway"].state == "online"
    assert fleet.measures(100) == []


def test_after_a_restart_what_was_away_is_told_online_and_silence_counts_anew() -> None:
    fleet = Fleet()
    assert fleet.says(1, "gateway", "offline") == [("device.offline", "gateway")]
    fleet.state = resume(PLAN, fleet.kept)
    assert fleet.at(5000) == []
    assert fleet.measures(5001) == [("device.online", "gateway")]


def test_silence_is_stale_with_a_reason_and_ends_when_heard() -> None:
    fleet = Fleet()
    fleet.measures(1)
    assert ("device.stale", "gateway") not in fleet.at(120)
    assert ("device.stale", "gateway") in fleet.at(122)
    reason = fleet.state.fleet.devices["gateway"].reason
    assert reason is not None
    assert "120 s" in reason["en"]
    assert fleet.measures(200) == [("device.online", "gateway")]


def test_a_device_never_heard_is_told_as_such() -> None:
    fleet = Fleet()
    assert fleet.at(119) == []
    assert ("device.stale", "gateway") in fleet.at(121)
    reason = fleet.state.fleet.devices["gateway"].reason
    assert reason is not None
    assert "never heard" in reason["en"]


def test_a_device_that_only_listens_is_not_silent_once_it_is_there() -> None:
    fleet = Fleet()
    fleet.says(1, "gateway", "online")
    assert ("device.stale", "gateway") not in fleet.at(5000)


def test_faulty_is_ended_by_its_driver_and_not_by_a_measurement() -> None:
    fleet = Fleet()
    fleet.measures(1)
    assert fleet.says(2, "gateway", "faulty") == [("device.faulty", "gateway")]
    assert fleet.measures(10, value=2.0) == []
    assert fleet.state.fleet.devices["gateway"].state == "faulty"
    assert fleet.says(11, "gateway", "online") == [("device.online", "gateway")]


def test_what_was_on_its_way_does_not_end_offline() -> None:
    fleet = Fleet()
    fleet.measures(1)
    fleet.says(10, "gateway", "offline")
    assert fleet.measures(11, value=2.0) == []
    assert fleet.measures(20, value=3.0) == [("device.online", "gateway")]


def test_one_that_flaps_is_told_once_until_it_is_steady() -> None:
    fleet = Fleet()
    told: list[tuple[str, str]] = []
    fleet.measures(1)
    for second in range(10, 210, 10):
        told += fleet.says(second, "gateway", "offline")
        told += fleet.says(second + 5, "gateway", "online")
    assert told.count(("device.faulty", "gateway")) == 1
    assert told.index(("device.faulty", "gateway")) == len(told) - 1
    assert len(told) == 6
    reason = fleet.state.fleet.devices["gateway"].reason
    assert reason is not None
    assert "unstable" in reason["en"]
    for second in range(210, 500, 10):
        fleet.measures(second)
        told += fleet.at(second)
    assert ("device.online", "gateway") not in told[-3:]
    fleet.measures(500)
    assert ("device.online", "gateway") in fleet.at(506)


def test_a_parent_that_is_down_hides_its_children() -> None:
    fleet = Fleet()
    for device in PLAN.devices:
        fleet.measures(1, device)
    assert fleet.says(10, "hall-ac", "offline") == []
    assert fleet.says(11, "gateway", "offline") == [("device.offline", "gateway")]
    for second in range(12, 400):
        assert fleet.at(second) == []
    child = fleet.state.fleet.devices["hall-ac"]
    assert child.state == "unknown"
    assert child.reason == {
        "en": "reached through gateway, which is away; see to that first",
        "zh-CN": "经由 网关 连接，而它已离线，请先处理它",
    }
    assert fleet.says(400, "gateway", "online") == [("device.online", "gateway")]
    fleet.measures(401, "hall-ac")
    assert fleet.at(402) == []
    assert fleet.state.fleet.devices["hall-ac"].state == "online"
    fleet.measures(500)
    assert fleet.at(540) == []
    assert ("device.stale", "hall-air") in fleet.at(551)


def test_a_child_that_is_down_by_itself_is_told_after_a_moment() -> None:
    fleet = Fleet()
    for device in PLAN.devices:
        fleet.measures(1, device)
    assert fleet.says(10, "hall-ac", "offline") == []
    assert fleet.at(15) == []
    assert fleet.at(21) == [("device.offline", "hall-ac")]


def test_a_part_that_does_not_answer_makes_its_device_faulty() -> None:
    fleet = Fleet()
    fleet.says(1, "gateway", "online")
    assert fleet.says(2, "gateway", "offline", "3") == [("device.faulty", "gateway")]
    assert fleet.state.fleet.devices["gateway"].reason == AWAY
    assert fleet.says(3, "gateway", "offline", "2") == []
    reason = fleet.state.fleet.devices["gateway"].reason
    assert reason is not None
    assert "2, 3" in reason["en"]
    assert fleet.says(4, "gateway", "online", "2") == []
    assert fleet.says(5, "gateway", "online", "3") == [("device.online", "gateway")]


def test_parts_are_not_forgotten_while_the_line_is_away() -> None:
    fleet = Fleet()
    fleet.says(1, "gateway", "offline", "3")
    assert fleet.says(4, "gateway", "offline") == [("device.offline", "gateway")]
    assert fleet.says(5, "gateway", "offline", "4") == []
    assert fleet.says(7, "gateway", "online") == [("device.faulty", "gateway")]
    reason = fleet.state.fleet.devices["gateway"].reason
    assert reason is not None
    assert "3, 4" in reason["en"]


def test_alerts_are_told_when_they_come_and_go() -> None:
    state = BranchState()
    high, higher = Raised("co2-hall", "minor", {"en": "CO2 1200"}), Raised("co2-hall", "major", {"en": "CO2 2000"})

    def compared(*raised: Raised) -> list[tuple[str, str]]:
        nonlocal state
        state, events = with_alerts(PLAN, state, raised, NINE)
        return [(event.type, event.data["severity"]) for event in events]

    assert compared(high) == [("alert.raised", "minor")]
    assert compared(Raised("co2-hall", "minor", {"en": "CO2 1250"})) == []
    assert compared(higher, high) == [("alert.raised", "major")]
    assert compared() == [("alert.cleared", "major")]
    assert compared() == []


def test_what_changes_nothing_is_the_same_state() -> None:
    fleet = Fleet()
    samples = [sample("hall-air", "temperature_c", 25.0), sample("hall-ac", "setpoint_c", 25.0), sample("gateway", "power_w", 9.0)]
    for heard in [*samples, sample("gateway", "state", "online"), sample("nobody", "power_w", 9.0)]:
        fleet.at(1, heard)
        again, events = step(PLAN, fleet.state, heard, NINE + 2)
        assert again is fleet.state
        assert events == list[Event]()
