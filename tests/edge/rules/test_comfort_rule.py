"""Comfort: what is commanded when, few writes whatever happens, and a hand that is left alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.branch.plan import Plan
from edge.branch.state import BranchState, ClimateState, PlantValue
from edge.forecast.wait import Forecast
from edge.rules.comfort import Air, comfort, lead_s
from edge.rules.limits import Limits

At = Callable[[str], float]
Heard = Callable[..., BranchState]


def wishes(plan: Plan, state: BranchState, now: float) -> dict[str, object]:
    return {command.quantity: command.value for command in comfort(plan, state, Forecast(), now).commands}


@pytest.mark.parametrize(
    ("time", "inside_c", "outside_c", "mode", "setpoint_c"),
    [
        ("10:00", 30.0, 33.0, "cool", 26.0),
        ("10:00", 26.4, 33.0, "fan", None),  # within the deadband nothing begins
        ("10:00", 26.5, 33.0, "cool", 26.0),
        ("10:00", 17.0, 2.0, "heat", 20.0),
        ("10:00", 30.0, 5.0, "fan", None),  # cold outside: the compressor stays off
        ("10:00", 18.0, 25.0, "fan", None),  # warm outside: nobody heats
        ("10:00", 30.0, None, "cool", 26.0),
        ("12:30", 30.0, 33.0, "cool", 26.0),  # the break is short
        ("20:00", 29.0, 33.0, "off", None),
        ("20:00", 31.0, 33.0, "cool", 30.0),
        ("02:00", 10.0, -5.0, "heat", 16.0),
        ("08:50", 28.0, 33.0, "cool", 26.0),  # ahead of opening
        ("06:00", 28.0, 33.0, "off", None),
    ],
)
def test_what_is_commanded_when(
    plan: Plan, at: At, heard: Heard, time: str, inside_c: float, outside_c: float | None, mode: str, setpoint_c: float | None
) -> None:
    state = heard(at(time), hall={"temperature_c": inside_c}, weather={"temperature_c": outside_c})
    assert wishes(plan, state, at(time)) == {"mode": mode} | ({} if setpoint_c is None else {"setpoint_c": setpoint_c})


@pytest.mark.parametrize(
    ("time", "outside_c", "mode", "setpoint_c"),
    [("10:00", 33.0, "auto", 23.0), ("22:00", 20.0, "off", None), ("22:00", -3.0, "heat", 16.0), ("22:00", None, "heat", 16.0)],
)
def test_without_a_temperature_it_says_so_and_is_safe(
    plan: Plan, at: At, heard: Heard, time: str, outside_c: float | None, mode: str, setpoint_c: float | None
) -> None:
    state = heard(at(time), hall={"temperature_c": None}, weather={"temperature_c": outside_c})
    commands = comfort(plan, state, Forecast(), at(time)).commands
    assert {c.quantity: c.value for c in commands} == {"mode": mode} | ({} if setpoint_c is None else {"setpoint_c": setpoint_c})
    assert all("not known" in c.why["en"] and "未知" in c.why["zh-CN"] for c in commands)


def test_an_old_temperature_is_none(plan: Plan, at: At, heard: Heard) -> None:
    state = heard(at("10:00"), hall={"temperature_c": 30.0})
    assert wishes(plan, state, at("10:15"))["mode"] == "cool"
    assert wishes(plan, state, at("10:16"))["mode"] == "auto"


@pytest.mark.parametrize("quantity", ["mode", "setpoint_c", "fan_pct"])
def test_a_hand_is_left_alone_until_its_time_is_over(plan: Plan, at: At, heard: Heard, quantity: str) -> None:
    now = at("10:00")
    state = heard(now, hall={"temperature_c": 30.0})
    held = PlantValue(hand=22.0, hand_until=now + 60)
    state = replace(state, climate=ClimateState(state.climate.readings, {f"hall-ac/{quantity}": held}))
    assert wishes(plan, state, now + 59) == {}
    assert wishes(plan, state, now + 60)["mode"] == "cool"


def test_commands_end_with_the_opening_hours_and_say_why(plan: Plan, at: At, heard: Heard) -> None:
    state = heard(at("11:50"), hall={"temperature_c": 30.0}, weather={"temperature_c": 33.0})
    commands = comfort(plan, state, Forecast(), at("11:50")).commands
    assert {c.until for c in commands} == {at("12:00")}
    assert all("30.0 °C" in text and "33.0 °C" in text for c in commands for text in (c.why["en"], c.why["zh-CN"]))


def test_lead_grows_with_the_gap_and_is_bounded(plan: Plan) -> None:
    zone, limit = plan.zones["hall"], Limits()
    leads = [lead_s(zone, Air(float(inside), 33.0), limit) for inside in range(24, 60)]
    assert leads == sorted(leads)
    assert leads[0] == limit.lead_min_s
    assert max(leads) <= limit.lead_max_s
    assert lead_s(replace(zone, cooling_kw=None), Air(30.0, 33.0), limit) == 7200.0  # 4 K at 2 K an hour


@given(
    temperatures=st.lists(st.one_of(st.none(), st.floats(5, 40)), min_size=30, max_size=90),
    outcomes=st.lists(st.sampled_from(["confirmed", "sent", "not_confirmed", "failed"]), min_size=90, max_size=90),
    step_s=st.sampled_from([61.0, 130.0, 300.0]),
)
def test_never_more_than_four_setpoint_writes_an_hour_nor_a_hasty_mode(
    plan: Plan, at: At, heard: Heard, carry_out: Callable[..., Any], temperatures: list[float | None], outcomes: list[str], step_s: float
) -> None:
    state, setpoints, modes = BranchState(), list[float](), list[tuple[float, object]]()
    for i, temperature_c in enumerate(temperatures):
        now = at("07:30") + i * step_s
        state = heard(now, before=state, hall={"temperature_c": temperature_c}, weather={"temperature_c": 15.0})
        state, sent = carry_out(state, comfort(plan, state, Forecast(), now).commands, now, outcomes[i])
        setpoints += [now for c in sent if c.quantity == "setpoint_c" and outcomes[i] != "failed"]
        modes += [(now, c.value) for c in sent if c.quantity == "mode"]
    assert all(sum(t <= other < t + 3600 for other in setpoints) <= 4 for t in setpoints)
    changes = [now for (_, before), (now, after) in itertools.pairwise(modes) if before != after]
    assert all(later - earlier >= Limits().mode_hold_s for earlier, later in itertools.pairwise(changes))


@given(st.lists(st.floats(-0.45, 0.45), min_size=10, max_size=100))
def test_noise_around_a_mark_does_not_make_it_chatter(
    plan: Plan, at: At, heard: Heard, carry_out: Callable[..., Any], noise: list[float]
) -> None:
    state, modes = BranchState(), list[object]()
    for i, off_k in enumerate(noise):
        now = at("09:10") + 90.0 * i
        state = heard(now, before=state, hall={"temperature_c": 26.5 + off_k}, weather={"temperature_c": 30.0})
        state, sent = carry_out(state, comfort(plan, state, Forecast(), now).commands, now)
        modes += [c.value for c in sent if c.quantity == "mode"]
    assert len([1 for before, after in itertools.pairwise(modes) if before != after]) <= 1
