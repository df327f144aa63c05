"""Quantities: the names of the contract, and what is plausible of each."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.reading import Quality
from devices.wire.quantities import COMMANDED, QUANTITIES, known, near, plausible, reading, shortened

SENSED = {
    *(
        "temperature_c",
        "relative_humidity_pct",
        "co2_ppm",
        "pm25_ug_m3",
        "illuminance_lx",
        "people",
        "waiting",
        "longest_wait_s",
        "presence",
    ),
    *("power_w", "voltage_v", "energy_kwh", "door_open", "battery_v", "fault_code", "in_total", "out_total", "solar_w_m2"),
}


def test_every_quantity_of_the_contract_has_a_name_in_both_languages() -> None:
    assert SENSED | {*COMMANDED} <= QUANTITIES.keys()
    assert all(quantity.name["en"] and quantity.name["zh-CN"] and quantity.expected for quantity in QUANTITIES.values())


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("temperature_c", 85, 85),
        ("temperature_c", 85.1, None),
        ("temperature_c", math.nan, None),
        ("temperature_c", math.inf, None),
        ("temperature_c", True, None),
        ("temperature_c", "21", None),
        ("people", 7.0, 7),
        ("people", 7.5, None),
        ("people", -1, None),
        ("presence", True, True),
        ("presence", 1, None),
        ("mode", "cool", "cool"),
        ("mode", "COOL", None),
        ("playlist", "晨曲", "晨曲"),
        ("playlist", "", None),
        ("playlist", "x" * 201, None),
        ("in_total", 2**40, None),
        ("co2_ppm", 0, None),
    ],
)
def test_what_is_plausible(key: str, value: object, found: object) -> None:
    assert plausible(key, value) == found
    assert type(plausible(key, value)) is type(found)


@given(st.sampled_from(sorted(QUANTITIES)), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_a_reading_is_measured_or_missing_with_its_reason(key: str, value: object) -> None:
    found = reading(key, value, "sensors/x")
    if found.quality is Quality.MEASURED:
        assert found.value == value
    else:
        assert found.value is None
        assert found.reason is not None
        assert all("sensors/x" in said and len(said) < 400 for said in found.reason.values())


def test_a_wrong_name_names_near_ones() -> None:
    with pytest.raises(ValueError, match="did you mean 'temperature_c'"):
        known("temperatur_c")
    assert near("zzz", ["b", "a"]) == "known are: a, b"


def test_nothing_long_gets_into_a_sentence() -> None:
    assert len(shortened("x" * 1000)) == 60
    assert shortened(10**5000) == "a very long number"
