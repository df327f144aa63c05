"""The building: heat and air keep their balances, whatever the plant is set to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulated.building import DESIGN, Building, Plant, ZoneDesign
from devices.simulated.scenario import Weather

MILD = Weather(20.0, 50.0, 0.0)
ROOM = {"room": ZoneDesign(100, 3.0, 200, 0, cooling_kw=10, heating_kw=10, fresh_air_max_l_s=300)}
PLANTS = st.builds(
    Plant,
    on=st.booleans(),
    mode=st.sampled_from(["cool", "heat", "fan", "dry", "auto"]),
    setpoint_c=st.floats(16, 30),
    fan_pct=st.floats(0, 100),
    fresh_air_pct=st.floats(0, 100),
    light_pct=st.floats(0, 100),
)
WEATHERS = st.builds(Weather, st.floats(-20, 42), st.floats(5, 100), st.floats(0, 1000))


@given(PLANTS, WEATHERS, st.lists(st.tuples(st.floats(1, 3600), st.integers(0, 150)), min_size=1, max_size=12))
def test_air_stays_possible_whatever_is_done(plant: Plant, weather: Weather, hours: list[tuple[float, int]]) -> None:
    building, energy_kwh = Building(), 0.0
    building.plant["hall"] = plant
    for dt_s, people in hours:
        building.step(dt_s, weather, {"hall": people})
        assert building.energy_kwh > energy_kwh
        energy_kwh = building.energy_kwh
    for air in building.air.values():
        assert -25 < air.temperature_c < 90
        assert 420 <= air.co2_ppm < 30_000
        assert 15 <= air.relative_humidity_pct <= 95


@given(WEATHERS, st.integers(0, 80))
def test_long_steps_end_where_short_ones_do(weather: Weather, people: int) -> None:
    one, many = Building(), Building()
    one.step(3600, weather, {"hall": people})
    for _ in range(180):
        many.step(20, weather, {"hall": people})
    assert one.air["hall"].temperature_c == pytest.approx(many.air["hall"].temperature_c, abs=1e-6)
    assert one.air["hall"].co2_ppm == pytest.approx(many.air["hall"].co2_ppm, abs=1e-6)


def test_carbon_dioxide_settles_at_the_mass_balance() -> None:
    building = Building({"room": ROOM["room"]})
    building._mixing = lambda: {"room": (0.0, 0.0)}  # type: ignore[method-assign]  # one zone has no neighbours
    building.plant["room"].fresh_air_pct = 50.0
    building.step(12 * 3600, MILD, {"room": 20})
    fresh_l_s = 150 + 0.25 * 300_000 / 3600
    assert building.air["room"].co2_ppm == pytest.approx(420 + 20 * 0.0052 / fresh_l_s * 1e6, rel=1e-3)


def test_a_hot_hall_is_cooled_to_its_setpoint_and_no_further() -> None:
    hot, building = Weather(34.0, 60.0, 400.0), Building(indoor_c=31.0)
    for zone in ("hall", "counters"):
        building.plant[zone].mode, building.plant[zone].setpoint_c, building.plant[zone].fan_pct = "cool", 25.0, 100.0
    building.step(2 * 3600, hot, {"hall": 15, "counters": 6})
    assert building.air["hall"].temperature_c == pytest.approx(25.5, abs=0.6)
    warm = Building(indoor_c=31.0)
    for plant in warm.plant.values():
        plant.on = False
    warm.step(2 * 3600, hot, {"hall": 15, "counters": 6})
    assert warm.air["hall"].temperature_c > 31.0
    assert warm.energy_kwh < building.energy_kwh


def test_zones_share_their_air() -> None:
    building = Building()
    building.step(1800, MILD, {"hall": 60})
    assert building.air["hall"].co2_ppm > building.air["self-service"].co2_ppm > 500
    assert set(building.air) == set(DESIGN)
