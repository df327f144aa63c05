"""Air and plant: readings of several sensors, old ones, and the hand at the thermostat."""

from __future__ import annotations

from typing import Any

import pytest

from devices.reading import Command, Outcome, Quality, Sample
from edge.branch.standing import with_command, with_outcome
from edge.branch.state import BranchState, PlantValue
from edge.branch.step import jumped, resume, step, tick
from edge.event import Event
from tests.edge.branch.branches import NINE, plan, sample

PLAN = plan(comfort={"hand_s": 3600.0})
KEY = "hall-ac/setpoint_c"


class Aired:
    """A branch whose air conditioner is told things and says what it is set to, at seconds after nine."""

    def __init__(self, second: float = 0) -> None:
        self.state, self.kept = tick(PLAN, BranchState(), NINE + second)

    def at(self, second: float, heard: Sample | None = None) -> list[Event]:
        """The events of climate of a sample, or of a tick."""
        now = NINE + second
        self.state, events = step(PLAN, self.state, heard, now) if heard else tick(PLAN, self.state, now)
        self.kept += events
        return [event for event in events if event.type.startswith("climate.") and event.type != "climate.sampled"]

    def reads(self, second: float, value: float) -> list[Event]:
        """The air conditioner says its setpoint."""
        return self.at(second, sample("hall-ac", "setpoint_c", value))

    def told(self, second: float, value: float, outcome: Outcome = Outcome.CONFIRMED) -> list[Event]:
        """A setpoint is written, and that came of it half a second later."""
        command = Command("setpoint_c", value, device="hall-ac", why={"en": "test"}, until=NINE + second + 600)
        self.state = with_command(PLAN, self.state, command, NINE + second)
        self.state, events = with_outcome(PLAN, self.state, command, outcome, "", NINE + second + 0.5)
        self.kept += events
        return [event for event in events if event.type == "climate.command"]

    @property
    def plant(self) -> PlantValue:
        """What is kept of the setpoint."""
        return self.state.climate.plant[KEY]


def test_several_sensors_make_the_median_and_old_ones_are_missing() -> None:
    branch = Aired()
    branch.at(1, sample("hall-air", "temperature_c", 25.0))
    branch.at(2, sample("hall-air-2", "temperature_c", 26.0))
    reading = branch.state.climate.readings["hall"]["temperature_c"]
    assert (reading.value, reading.quality, reading.device) == (25.5, Quality.MEASURED, "hall-air+hall-air-2")
    branch.at(100, sample("hall-air-2", "temperature_c", 26.5))
    branch.at(130)
    assert branch.state.climate.readings["hall"]["temperature_c"].value == 26.5
    branch.at(300)
    gone = branch.state.climate.readings["hall"]["temperature_c"]
    assert (gone.value, gone.quality) == (None, Quality.MISSING)
    assert gone.reason is not None
    assert set(gone.reason) == {"zh-CN", "en"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [25], None])
def test_what_is_no_value_is_missing(value: Any) -> None:
    branch = Aired()
    branch.at(1, sample("hall-air", "temperature_c", value))
    reading = branch.state.climate.readings["hall"]["temperature_c"]
    assert reading.value is None
    assert reading.quality is (Quality.MEASURED if value is None else Quality.MISSING)


def test_the_weather_is_outside_and_a_device_without_zone_has_facts() -> None:
    branch = Aired()
    branch.at(1, sample("weather", "temperature_c", 33.0))
    branch.at(2, sample("gateway", "power_w", 900.0))
    branch.at(3, sample("vtm-01", "paper_pct", 40))
    assert branch.state.climate.readings["weather"]["temperature_c"].value == 33.0
    assert branch.state.fleet.devices["gateway"].facts == {"power_w": 900.0}
    assert branch.state.fleet.devices["vtm-01"].facts == {"paper_pct": 40}


def test_climate_is_sampled_each_five_minutes() -> None:
    branch = Aired()
    branch.at(290, sample("hall-air", "temperature_c", 25.0))
    branch.at(299)
    branch.at(301)
    branch.at(302)
    sampled = [event.data for event in branch.kept if event.type == "climate.sampled"]
    assert sampled == [{"zone": "hall", "temperature_c": 25.0}]


def test_a_command_is_an_event_with_its_outcome_and_counts_as_a_write_only_when_written() -> None:
    branch = Aired()
    (event,) = branch.told(10, 25.0)
    assert {key: event.data[key] for key in ("device", "quantity", "value", "why", "outcome")} == {
        "device": "hall-ac",
        "quantity": "setpoint_c",
        "value": 25.0,
        "why": {"en": "test"},
        "outcome": "confirmed",
    }
    branch.told(20, 24.0, Outcome.FAILED)
    assert branch.plant.writes == (NINE + 10,)
    branch.told(3700, 24.0, Outcome.SENT)
    assert branch.plant.writes == (NINE + 3700,)
    assert resume(PLAN, branch.kept).climate.plant[KEY] == branch.plant


def test_a_hand_at_the_thermostat_is_respected_until_its_time_is_over() -> None:
    branch = Aired()
    branch.told(10, 25.0)
    assert branch.reads(12, 26.0) == []
    branch.told(20, 25.0)
    assert branch.reads(40, 25.0) == []
    (held,) = branch.reads(60, 22.0)
    assert held.type == "climate.held"
    assert held.data == {"device": "hall-ac", "quantity": "setpoint_c", "part": "", "value": 22.0, "until": NINE + 3660, "by": "hand"}
    assert branch.reads(75, 22.0) == []
    assert branch.at(3659) == []
    (released,) = branch.at(3660)
    assert (released.type, released.data["why"]) == ("climate.released", "its time is over")
    assert branch.reads(3670, 22.0) == []
    assert branch.plant.hand is None


def test_a_hand_is_not_respected_beyond_closing() -> None:
    branch = Aired(7.5 * 3600)
    branch.told(7.5 * 3600, 25.0)
    (held,) = branch.reads(7.5 * 3600 + 60, 22.0)
    assert held.data["until"] == NINE + 8 * 3600


def test_a_hand_that_puts_it_back_lets_go() -> None:
    branch = Aired()
    branch.told(10, 25.0)
    branch.reads(60, 22.0)
    (released,) = branch.reads(90, 25.0)
    assert (released.type, released.data["why"]) == ("climate.released", "put back by hand")


def test_what_was_never_confirmed_proves_no_hand() -> None:
    branch = Aired()
    branch.told(10, 25.0, Outcome.NOT_CONFIRMED)
    assert branch.reads(60, 22.0) == []
    command = Command("setpoint_c", 24.0, device="hall-ac")
    branch.state = with_command(PLAN, branch.state, command, NINE + 70)
    assert branch.reads(100, 23.0) == []


def test_a_hand_outlives_a_restart() -> None:
    branch = Aired()
    branch.told(10, 25.0)
    branch.reads(60, 22.0)
    branch.state = resume(PLAN, branch.kept)
    assert branch.plant.hand == 22.0
    assert branch.reads(90, 22.0) == []
    (released,) = branch.at(3700)
    assert released.type == "climate.released"


def test_a_hand_is_respected_as_long_though_the_clock_is_set() -> None:
    branch = Aired()
    branch.told(10, 25.0)
    branch.reads(60, 22.0)
    branch.state, _ = jumped(PLAN, branch.state, 31_536_000.0, NINE + 100 + 31_536_000.0)
    assert branch.at(3600 + 31_536_000.0) == []
    (released,) = branch.at(3661 + 31_536_000.0)
    assert released.type == "climate.released"
