"""Profiles: those that come with the product, and every mistake of a file told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.profile import ProfileError, load, parse, profiles
from devices.wire.quantities import QUANTITIES
from devices.wire.registers import requests

LEAST = 'source = "x"\nfunction = 3\n[title]\nen = "x"\nzh-CN = "某"\n[[register]]\nquantity = "co2_ppm"\nregister = 3\n'


@pytest.mark.parametrize("name", profiles())
def test_a_profile_of_the_product(name: str) -> None:
    found = load(name)
    assert found.name == name
    assert found.title["en"]
    assert found.title["zh-CN"]
    assert all(register.quantity in QUANTITIES for register in found.registers)
    assert all(len(span) <= found.most_registers for span in requests(found.wanted(), found.most_registers, found.most_gap))


def test_the_documented_registers() -> None:
    where = {name: {each.quantity: (each.register, each.kind, each.scale) for each in load(name).registers} for name in profiles()}
    assert where["xy-md02"] == {"temperature_c": (1, "int16", 0.1), "relative_humidity_pct": (2, "int16", 0.1)}
    assert where["senseair-s8"] == {"co2_ppm": (3, "int16", 1.0)}
    assert where["sdm120"] == {
        "voltage_v": (0, "float32", 1.0),
        "current_a": (6, "float32", 1.0),
        "power_w": (0xC, "float32", 1.0),
        "frequency_hz": (0x46, "float32", 1.0),
        "energy_kwh": (0x156, "float32", 1.0),
    }
    vrf = load("generic-vrf")
    assert (vrf.function, vrf.stride, vrf.of("setpoint_c").writes_per_hour, vrf.of("mode").power) == (3, 32, 4, 0)
    assert vrf.of("mode").words == {0: "cool", 1: "heat", 2: "fan", 3: "dry", 4: "auto"}
    assert [load(name).function for name in ("xy-md02", "senseair-s8", "sdm120")] == [4, 4, 4]


def test_the_least_that_is_a_profile() -> None:
    assert parse("x", LEAST, "x.toml").most_registers == 125


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("register = 3", "register = 70000"), "x.toml: register.1.register"),
        (("co2_ppm", "co2_pmm"), "x.toml: register.1.quantity: 'co2_pmm' is not a quantity; did you mean 'co2_ppm'"),
        (("function = 3", "function = 6"), "x.toml: function"),
        (('source = "x"\n', ""), "x.toml: source: Field required"),
        (("register = 3", "register = 3\nscale = 0"), "scale of 0"),
        (("register = 3", "register = 3\nscael = 2"), "did you mean 'scale'"),
        (("register = 3", "register = 3\nwritable = true"), "co2_ppm is not commanded"),
        (('"co2_ppm"', '"mode"\nwords = {0 = "cold"}'), "words of `mode`"),
        (("register = 3", 'register = 3\n[[register]]\nquantity = "co2_ppm"\nregister = 4'), "co2_ppm stands in more than one register"),
        (("function = 3", "function = "), "x.toml: not TOML"),
    ],
)
def test_a_mistake_is_told_with_file_and_place(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ProfileError) as raised:
        parse("x", LEAST.replace(*change), "x.toml")
    assert said in str(raised.value)


def test_all_mistakes_at_once_a_line_each() -> None:
    wrong = LEAST.replace("function = 3", "function = 9").replace("register = 3", "register = -1\ntyp = 1").replace('"co2_ppm"', '"co2"')
    with pytest.raises(ProfileError) as raised:
        parse("x", wrong, "x.toml")
    assert len(str(raised.value).splitlines()) == 4


def test_a_name_that_is_none_names_near_ones() -> None:
    with pytest.raises(ProfileError, match="no profile is called 'sdm12O'; did you mean 'sdm120'"):
        load("sdm12O")
    with pytest.raises(ProfileError, match="known are: generic-vrf, sdm120, senseair-s8, xy-md02"):
        load("../../etc/passwd")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="cannot be read"):
        load(str(tmp_path / "x.toml"))


@given(st.text(max_size=200))
def test_no_text_breaks_it(written: str) -> None:
    with pytest.raises(ProfileError):
        parse("x", written, "x.toml")
