"""Fresh air, light and music: tables of what follows from what, and nothing that flickers or hunts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.branch.plan import Plan
from edge.branch.state import BranchState, ClimateState, PlantValue
from edge.forecast.wait import Forecast
from edge.rules.fresh_air import fresh_air, stepped
from edge.rules.light import light
from edge.rules.limits import Limits
from edge.rules.music import music

At = Callable[[str], float]
Heard = Callable[..., BranchState]


def told(state: BranchState, key: str, value: object, at: float) -> BranchState:
    plant = {**state.climate.plant, key: PlantValue(commanded=value, commanded_at=at, outcome="confirmed")}
    return replace(state, climate=ClimateState(state.climate.readings, plant))


@pytest.mark.parametrize(
    ("time", "co2_ppm", "people", "weather", "pct"),
    [
        ("10:00", 700.0, 20, {}, 50.0),  # 20 x 8.33 l/s and 36 l/s of 400 l/s
        ("10:00", 900.0, 0, {}, 75.0),
        ("10:00", 1200.0, 20, {}, 100.0),
        ("10:00", None, 20, {}, 50.0),
        ("10:00", 500.0, None, {}, 10.0),  # 0.3 l/s each of 120 m2
        ("10:00", None, None, {}, 10.0),
        ("10:00", 900.0, 20, {"pm25_ug_m3": 150.0}, 50.0),
        ("10:00", 1100.0, 20, {"pm25_ug_m3": 150.0}, 100.0),  # people come first
        ("10:00", 900.0, 20, {"temperature_c": -15.0}, 50.0),
        ("10:00", None, 40, {"pm25_ug_m3": 150.0}, 90.0),  # CO2 not known: nobody is kept short
        ("22:00", 900.0, 0, {}, 0.0),
        ("22:00", 900.0, None, {}, 0.0),
        ("22:00", None, 6, {}, 20.0),
        ("08:40", 500.0, None, {}, 10.0),
    ],
)
def test_fresh_air(
    plan: Plan, at: At, heard: Heard, time: str, co2_ppm: float | None, people: int | None, weather: dict[str, float], pct: float
) -> None:
    state = heard(at(time), people=people, hall={"co2_ppm": co2_ppm}, weather=weather)
    (command,) = fresh_air(plan, state, Forecast(), at(time)).commands
    assert (command.device, command.value) == ("hall-fresh-air", pct)
    assert command.until is not None
    assert command.why["en"]
    assert command.why["zh-CN"]


def test_fresh_air_without_a_design_flow_keeps_the_fixed_minimum(plan: Plan, at: At, heard: Heard) -> None:
    bare = replace(plan, zones={"hall": replace(plan.zones["hall"], fresh_air_max_l_s=None)})
    (command,) = fresh_air(bare, heard(at("10:00"), people=50), Forecast(), at("10:00")).commands
    assert command.value == Limits().fresh_air_min_pct


@given(st.floats(20, 80), st.lists(st.floats(-2.4, 2.4), min_size=2, max_size=50))
def test_fresh_air_does_not_hunt(middle: float, noise: list[float]) -> None:
    pct: float | None = None
    said = []
    for off in noise:
        pct = stepped(middle + off, pct, 5.0)
        said.append(pct)
    assert len(set(said)) <= 2
    assert sum(before != after for before, after in pairwise(said)) <= 1


@given(st.one_of(st.floats(0, 100)), st.one_of(st.none(), st.floats(0, 100)))
def test_fresh_air_is_near_what_is_needed(pct: float, before: float | None) -> None:
    assert abs(stepped(pct, before, 5.0) - pct) <= 7.5


@pytest.mark.parametrize(
    ("time", "people", "hall", "before", "pct"),  # before: what was commanded, and how many seconds ago
    [
        ("10:00", None, {}, None, 100.0),
        ("10:00", 5, {"illuminance_lx": 900.0}, None, 30.0),
        ("10:00", 5, {"illuminance_lx": 200.0}, (50.0, 400), 60.0),
        ("10:00", 5, {"illuminance_lx": 200.0}, (50.0, 100), 50.0),  # too young to change
        ("10:00", 5, {"illuminance_lx": 310.0}, (50.0, 400), 50.0),
        ("10:00", 5, {"illuminance_lx": 800.0}, (30.0, 400), 30.0),
        ("20:00", 0, {}, (100.0, 700), 0.0),
        ("20:00", 0, {}, (100.0, 300), 100.0),
        ("20:00", None, {"presence": True}, (0.0, 1), 100.0),  # from dark to light there is no waiting
        ("20:00", None, {}, (100.0, 700), 0.0),
    ],
)
def test_light(
    plan: Plan, at: At, heard: Heard, time: str, people: int | None, hall: dict[str, Any], before: tuple[float, float] | None, pct: float
) -> None:
    now = at(time)
    state = heard(now, people=people, hall=hall)
    if before is not None:
        state = told(state, "hall-light/light_pct", before[0], now - before[1])
    (command,) = light(plan, state, Forecast(), now).commands
    assert command.value == pct


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1500)), min_size=5, max_size=80))
def test_light_never_flickers(plan: Plan, at: At, heard: Heard, carry_out: Callable[..., Any], seen: list[tuple[bool, float]]) -> None:
    state, changes = BranchState(), list[tuple[float, float]]()
    for i, (somebody, lux) in enumerate(seen):
        now = at("18:00") + 45.0 * i
        state = heard(now, before=state, people=int(somebody), hall={"illuminance_lx": lux})
        state, sent = carry_out(state, light(plan, state, Forecast(), now).commands, now)
        changes += [(now, command.value) for command in sent]
    lit_changes = [(now, value) for now, value in changes if value > 0]
    assert all(later - earlier >= Limits().light_hold_s for (earlier, _), (later, _) in pairwise(lit_changes))


@pytest.mark.parametrize(
    ("time", "people", "volume_pct", "playlist"),
    [
        ("09:30", 0, 25.0, "morning"),
        ("13:30", 10, 30.0, "noon"),
        ("15:00", None, 25.0, "afternoon"),
        ("15:00", 60, 40.0, "calm"),
        ("22:00", 5, 0.0, None),
    ],
)
def test_music(plan: Plan, at: At, heard: Heard, time: str, people: int | None, volume_pct: float, playlist: str | None) -> None:
    commands = {c.quantity: c.value for c in music(plan, heard(at(time), people=people), Forecast(), at(time)).commands}
    assert commands == {"volume_pct": volume_pct} | ({"playlist": playlist} if playlist else {})


def test_music_holds_its_list_until_the_crowd_is_half_gone(plan: Plan, at: At, heard: Heard) -> None:
    now = at("15:00")
    for people, playlist in ((25, "calm"), (15, "afternoon")):
        state = told(heard(now, people=people), "hall-music/playlist", "calm", now - 600)
        assert {c.value for c in music(plan, state, Forecast(), now).commands if c.quantity == "playlist"} == {playlist}
