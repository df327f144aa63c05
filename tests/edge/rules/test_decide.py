"""Decide: one decision without contradictions, harmless if it is the last; and advice on who should open."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.reading import Command
from edge.branch.plan import Plan
from edge.branch.state import BranchState, ClimateState, CounterState, DeviceState, FleetState, PlantValue, QueueState, Ticket
from edge.forecast.wait import Forecast, Wait
from edge.forecast.waits import forecast
from edge.rules.decide import decide
from edge.rules.limits import Limits, limits
from edge.rules.safety import at_stop, harmless
from edge.rules.staffing import staffing

At = Callable[[str], float]
Heard = Callable[..., BranchState]


def crowded(now: float, people: int, counters: dict[str, CounterState], *services: str) -> BranchState:
    names = services or ("personal",)
    tickets = {
        f"A{i:03d}": Ticket(f"A{i:03d}", names[i % len(names)], "normal", "kiosk", now - 300 + i, queued_at=now - 300 + i)
        for i in range(people)
    }
    return BranchState(
        queue=QueueState(tickets=tickets, counters=counters, service_times_s={"personal": (300.0,) * 10, "corporate": (300.0,) * 10})
    )


def test_a_hot_crowded_hall_is_cooled_and_aired_and_everything_says_why(plan: Plan, at: At, heard: Heard) -> None:
    now = at("10:00")
    state = heard(now, people=20, hall={"temperature_c": 30.0, "co2_ppm": 1200.0}, weather={"temperature_c": 33.0})
    decision = decide(plan, state, forecast(plan, state, now), now)
    told = {(c.device, c.quantity): c.value for c in decision.commands}
    assert told["hall-ac", "mode"] == "cool"
    assert told["hall-fresh-air", "fresh_air_pct"] == 100.0
    assert {alert.id for alert in decision.alerts} == {"co2-hall", "temperature-hall"}
    assert len(told) == len(decision.commands)
    for command in decision.commands:
        assert command.why["en"]
        assert command.why["zh-CN"]
        assert command.until is not None
        assert now < command.until <= now + Limits().command_s


def test_a_hand_outranks_every_rule_and_an_offline_device_is_told_nothing(plan: Plan, at: At, heard: Heard) -> None:
    now = at("10:00")
    state = heard(now, people=20, hall={"temperature_c": 30.0})
    plant = {"hall-light/light_pct": PlantValue(hand=10.0, hand_until=now + 60)}
    offline = FleetState({"hall-ac": DeviceState("offline", told="offline")})
    state = replace(state, climate=ClimateState(state.climate.readings, plant), fleet=offline)
    assert {c.device for c in decide(plan, state, Forecast(), now).commands} == {"hall-fresh-air", "hall-music"}
    assert "hall-light" in {c.device for c in decide(plan, state, Forecast(), now + 60).commands}


@given(st.sampled_from(["setpoint_c", "fresh_air_pct", "light_pct", "volume_pct", "fan_pct"]), st.floats(-1e6, 1e6))
def test_nothing_harmful_is_ever_commanded(quantity: str, value: float) -> None:
    made = harmless(Command(quantity, value, device="x"), 100.0, Limits())
    low, high = (16.0, 30.0) if quantity == "setpoint_c" else (0.0, 100.0)
    assert isinstance(made.value, float)
    assert low <= made.value <= high
    assert made.until == 100.0 + Limits().command_s


@pytest.mark.parametrize(
    ("time", "outside_c", "expected"),
    [
        ("10:00", 33.0, {"mode": "auto", "setpoint_c": 23.0, "fresh_air_pct": 9.0, "light_pct": 100.0, "volume_pct": 0.0}),
        ("22:00", 25.0, {"mode": "off", "fresh_air_pct": 0.0, "light_pct": 0.0, "volume_pct": 0.0}),
        ("22:00", -5.0, {"mode": "heat", "setpoint_c": 16.0, "fresh_air_pct": 0.0, "light_pct": 0.0, "volume_pct": 0.0}),
    ],
)
def test_what_is_left_behind_when_the_daemon_stops(
    plan: Plan, at: At, heard: Heard, time: str, outside_c: float, expected: dict[str, object]
) -> None:
    state = heard(at(time), people=3, hall={"temperature_c": 35.0}, weather={"temperature_c": outside_c})
    commands = at_stop(plan, state, at(time)).commands
    assert {c.quantity: c.value for c in commands} == expected
    assert all(c.until is not None and c.why["zh-CN"] for c in commands)


def test_advises_the_counter_that_helps_most_and_says_by_how_much(plan: Plan, at: At) -> None:
    now = at("10:00")
    state = crowded(now, 10, {"1": CounterState("open", since=now)})
    (advice,) = staffing(plan, state, forecast(plan, state, now), now).advice
    assert advice.id == "open-2"
    assert "10 wait" in advice.why["en"]
    before, after = (int(figure) for figure in re.findall(r"(\d+) min(?= \(|$)", advice.why["en"]))
    assert after < before
    assert advice.why["zh-CN"]
    assert now < advice.until <= now + 1200
    assert staffing(plan, state, forecast(plan, state, now), now + 1).advice[0].until == advice.until


def test_advises_to_move_who_has_time_when_all_are_open(plan: Plan, at: At) -> None:
    now = at("10:00")
    state = crowded(now, 10, {n: CounterState("open", since=now) for n in ("1", "2", "3")})
    long, short = Wait(1500.0, 1800.0), Wait(0.0, 60.0)
    (advice,) = staffing(plan, state, Forecast({"personal": long, "corporate": short}), now).advice
    assert advice.id == "move-3-personal"


def test_advises_to_open_when_nobody_serves_those_who_wait(plan: Plan, at: At) -> None:
    now = at("10:00")
    state = crowded(now, 2, {})
    assert [advice.id for advice in staffing(plan, state, forecast(plan, state, now), now).advice] == ["open-1"]
    assert staffing(plan, state, forecast(plan, state, now), at("20:00")).advice == ()


def test_limits_come_from_the_plan(plan: Plan) -> None:
    assert limits(replace(plan, comfort={"occupied_cool_c": 25, "not_a_limit": 1})).occupied_cool_c == 25.0
