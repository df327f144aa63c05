"""Modbus devices on a real line: the documented bytes, faults and silences told, commands read back, few writes to an air conditioner."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from devices import modbus
from devices.links.lines import Lines
from devices.modbus import Settings, profiles, run
from devices.reading import Outcome, Quality
from devices.wire.profile import load
from tests.devices.fakes import running
from tests.devices.modbus_slave import SlaveLine, WiredBranch

VRF = {0: 1, 1: 0, 2: 260, 3: 50, 4: 274, 5: 0}


@pytest.fixture(autouse=True)
def _profiles_read() -> None:
    """A profile is read when the file is checked, before the loop runs; here too."""
    for name in profiles():
        load(name)


def settings(link: dict[str, str], profile: str = "xy-md02", **more: Any) -> Settings:
    quick = {"every_s": 0.1, "timeout_s": 0.15, "confirm_s": 1.0}
    return Settings.model_validate({"link": link, "profile": profile, **quick, **more})


def line_with(unit: int, registers: dict[int, int]) -> SlaveLine:
    line = SlaveLine()
    line.registers[unit] = dict(registers)
    return line


async def test_both_values_of_an_xy_md02_with_the_documented_request() -> None:
    line = line_with(1, {1: 0xFFF6, 2: 555})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            await branch.until(lambda: branch.states() == ["online"])
    assert line.asked[0] == bytes.fromhex("01 04 00 01 00 02 20 0B")
    assert [(s.quantity, s.value) for s in branch.samples[:2]] == [("temperature_c", -1.0), ("relative_humidity_pct", 55.5)]


async def test_400_ppm_of_a_senseair_s8_with_the_documented_frames() -> None:
    line = line_with(0xFE, {0: 0, 3: 400})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "senseair-s8", address=0xFE), branch)):
            await branch.until(lambda: branch.states() == ["online"])
    assert bytes.fromhex("FE 04 00 03 00 01 D5 C5") in line.asked
    assert bytes.fromhex("FE 04 02 01 90 AC D8") in line.answered
    assert branch.latest("co2_ppm").value == 400


async def test_an_sdm120_in_few_requests_of_at_most_ten_registers() -> None:
    line = SlaveLine()
    line.registers[7] = {}
    for register, value in {0x0000: 231.5, 0x0006: 1.25, 0x000C: 289.4, 0x0046: 50.02, 0x0156: 1234.5}.items():
        line.registers[7].update(zip((register, register + 1), struct.unpack(">HH", struct.pack(">f", value)), strict=True))
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "sdm120", address=7), branch)):
            await branch.until(lambda: branch.states() == ["online"])
    found = {s.quantity: s.value for s in branch.samples}
    assert found["voltage_v"] == 231.5
    assert found["power_w"] == pytest.approx(289.4, abs=1e-4)
    assert found["energy_kwh"] == 1234.5
    first = line.asked[: line.asked.index(line.asked[0], 1)] if line.asked.count(line.asked[0]) > 1 else line.asked
    assert len(first) == 4
    assert all(int.from_bytes(frame[4:6], "big") <= 10 for frame in first)


@pytest.mark.parametrize(
    ("bits", "state", "value", "said"),
    [
        (0, "online", 600, ""),
        (1 << 0, "faulty", None, "fatal error"),
        (1 << 4, "faulty", None, "self-diagnostics"),
        (1 << 5, "online", None, ""),
        (1 << 6 | 1 << 2, "faulty", None, "algorithm"),
    ],
)
async def test_error_bits_of_a_senseair(bits: int, state: str, value: int | None, said: str) -> None:
    line = line_with(2, {0: bits, 3: 600})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "senseair-s8", address=2), branch)):
            await branch.until(branch.states)
            assert branch.states() == [state]
    co2 = branch.latest("co2_ppm")
    assert co2.value == value
    assert (co2.quality is Quality.MISSING) == (value is None)
    assert value is not None or (co2.reason["en"] and co2.reason["zh-CN"])
    assert said in branch.reason()


@pytest.mark.parametrize(("words", "quantity"), [({1: 0x8000, 2: 500}, "temperature_c"), ({1: 250, 2: 1200}, "relative_humidity_pct")])
async def test_a_value_that_cannot_be_is_missing_with_its_reason(words: dict[int, int], quantity: str) -> None:
    line = line_with(1, words)
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            await branch.until(branch.states)
    found = branch.latest(quantity)
    assert (found.value, found.quality) == (None, Quality.MISSING)
    assert quantity in found.reason["en"]
    assert next(s.quality for s in branch.samples if s.quantity not in (quantity, "state")) is Quality.MEASURED


async def test_a_silent_slave_is_stale_then_offline_its_values_missing_and_comes_back() -> None:
    line = line_with(1, {1: 250, 2: 500})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, slowest_s=0.2), branch)):
            await branch.until(lambda: branch.states() == ["online"])
            line.silent.add(1)
            await branch.until(lambda: branch.states() == ["online", "stale", "offline"])
            assert branch.latest("temperature_c").quality is Quality.MISSING
            assert "wiring" in branch.reason()
            line.silent.clear()
            await branch.until(lambda: branch.states()[-1] == "online")
            await branch.until(lambda: branch.latest("temperature_c").value == 25.0)


async def test_a_silent_slave_is_asked_less_often_and_costs_others_one_timeout_a_cycle() -> None:
    line = line_with(1, {1: 250, 2: 500})
    async with line.listening() as link, Lines() as lines:
        here, gone = WiredBranch(lines, "here"), WiredBranch(lines, "gone")
        silent = settings(link, "sdm120", address=7, every_s=0.1, slowest_s=600)  # four requests a poll, did it answer
        async with running(lambda: run(settings(link), here)), running(lambda: run(silent, gone)):
            await gone.until(lambda: "offline" in gone.states())
            asked = [frame[0] for frame in line.asked]
            assert asked.count(7) == 4  # as often as it was polled: once, and three retries
            before = asked.count(1)
            await here.until(lambda: [frame[0] for frame in line.asked].count(1) >= before + 5)
            asked = [frame[0] for frame in line.asked]
            assert asked.count(7) - 4 < asked.count(1) - before
    assert here.states() == ["online"]


@pytest.mark.parametrize("code", [10, 11])
async def test_a_slave_that_its_gateway_does_not_hear_is_silent(code: int) -> None:
    line = line_with(1, {})
    line.refuses[1, 4] = code
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, retries=0), branch)):
            await branch.until(lambda: branch.states() == ["offline"])


async def test_a_slave_of_another_make_is_faulty_and_says_to_check_the_profile() -> None:
    line = line_with(1, {})
    line.refuses[1, 4] = 2
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            await branch.until(lambda: branch.states() == ["faulty"])
            assert "profile" in branch.reason()
            del line.refuses[1, 4]
            line.registers[1] = {1: 250, 2: 500}
            await branch.until(lambda: branch.states() == ["faulty", "online"])


async def test_a_vrf_unit_is_told_and_read_back() -> None:
    line = line_with(1, {64 + at: word for at, word in VRF.items()})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf", unit=2, every_s=60), branch)):
            await branch.until(lambda: branch.states() == ["online"])
            assert {s.quantity: s.value for s in branch.samples if s.quantity != "state"} == {
                "mode": "cool",
                "setpoint_c": 26.0,
                "fan_pct": 50,
                "temperature_c": 27.4,
                "fault_code": 0,
            }
            for quantity, value in (("mode", "heat"), ("setpoint_c", 24.5), ("fan_pct", 80), ("mode", "off")):
                branch.tell(quantity, value)
            await branch.until(lambda: len(branch.outcomes) == 4)
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.CONFIRMED] * 4
    assert {at - 64: word for at, word in line.registers[1].items()} == {**VRF, 0: 0, 1: 1, 2: 245, 3: 80}
    assert [(frame[1], frame[3], int.from_bytes(frame[4:6], "big")) for frame in line.writes()] == [
        (6, 65, 1),
        (6, 66, 245),
        (6, 67, 80),
        (6, 64, 0),
    ]
    assert (branch.latest("mode").value, branch.latest("setpoint_c").value) == ("off", 24.5)


async def test_turning_on_in_another_mode_sets_the_mode_first() -> None:
    line = line_with(1, {**VRF, 0: 0})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf", unit=0), branch)):
            branch.tell("mode", "dry")
            await branch.until(lambda: branch.outcomes)
    assert [(frame[3], frame[5]) for frame in line.writes()] == [(1, 3), (0, 1)]


async def test_an_equal_value_is_never_written() -> None:
    line = line_with(1, VRF)
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf"), branch)):
            branch.tell("mode", "cool")
            branch.tell("setpoint_c", 26)
            await branch.until(lambda: len(branch.outcomes) == 2)
    assert line.writes() == []
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.CONFIRMED] * 2


async def test_at_most_four_setpoint_writes_an_hour_then_refused() -> None:
    line = line_with(1, VRF)
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf"), branch)):
            for setpoint in (25, 24, 23, 22, 21):
                branch.tell("setpoint_c", setpoint)
            branch.tell("fan_pct", 20)
            await branch.until(lambda: len(branch.outcomes) == 6)
    outcomes = [outcome for _, outcome, _ in branch.outcomes]
    assert outcomes == [Outcome.CONFIRMED] * 4 + [Outcome.REFUSED, Outcome.CONFIRMED]
    assert "4 writes of setpoint_c an hour" in branch.outcomes[4][2]
    assert line.registers[1][2] == 220


async def test_a_unit_that_does_not_do_it_is_not_confirmed() -> None:
    line = line_with(1, VRF)
    line.deaf = True
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf", confirm_s=0.1), branch)):
            branch.tell("setpoint_c", 24)
            await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
    assert "0x0002" in branch.outcomes[0][2]
    assert branch.latest("setpoint_c").value == 26.0


async def test_a_hand_at_the_thermostat_and_a_fault_are_seen() -> None:
    line = line_with(1, VRF)
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf"), branch)):
            await branch.until(lambda: branch.states() == ["online"])
            line.registers[1].update({2: 210, 1: 1, 5: 88})
            await branch.until(lambda: branch.states() == ["online", "faulty"])
            assert "fault 88" in branch.reason()
            line.registers[1][5] = 0
            await branch.until(lambda: branch.states() == ["online", "faulty", "online"])
    assert (branch.latest("setpoint_c").value, branch.latest("mode").value) == (21.0, "heat")


@pytest.mark.parametrize(
    ("quantity", "value", "more", "outcome"),
    [
        ("setpoint_c", 99, {}, Outcome.REFUSED),
        ("setpoint_c", "warm", {}, Outcome.REFUSED),
        ("mode", "turbo", {}, Outcome.REFUSED),
        ("light_pct", 50, {}, Outcome.REFUSED),
        ("fan_pct", float("nan"), {}, Outcome.REFUSED),
        ("setpoint_c", 24, {"until": 1.0}, Outcome.EXPIRED),
    ],
)
async def test_what_it_cannot_do_is_refused_and_nothing_written(quantity: str, value: Any, more: dict[str, Any], outcome: Outcome) -> None:
    line = line_with(1, VRF)
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf"), branch)):
            branch.tell(quantity, value, **more)
            await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is outcome
    assert line.writes() == []


async def test_a_command_to_a_silent_unit_fails_and_to_one_that_is_offline_at_once() -> None:
    line = SlaveLine()
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, "generic-vrf", slowest_s=600, every_s=0.1, retries=0), branch)):
            await branch.until(lambda: branch.states() == ["offline"])
            asked = len(line.asked)
            branch.tell("setpoint_c", 24)
            await branch.until(lambda: branch.outcomes)
            assert len(line.asked) == asked
    assert branch.outcomes[0][1] is Outcome.FAILED


def test_a_profile_named_wrong_names_the_near_one() -> None:
    with pytest.raises(ValidationError, match="did you mean 'sdm120'"):
        settings({"tcp": "127.0.0.1:502"}, "sdm12O")


def test_units_are_of_gateways_only_and_within_the_map() -> None:
    with pytest.raises(ValidationError, match="take `unit` away"):
        settings({"tcp": "127.0.0.1:502"}, "sdm120", unit=1)
    with pytest.raises(ValidationError, match="none above"):
        settings({"tcp": "127.0.0.1:502"}, "generic-vrf", unit=2048)


def test_what_can_be_commanded_comes_from_the_profile() -> None:
    link = {"tcp": "127.0.0.1:502"}
    assert settings(link, "generic-vrf").commanded() == ("mode", "setpoint_c", "fan_pct")
    assert settings(link, "sdm120").commanded() == ()
    assert modbus.profiles() == ["generic-vrf", "sdm120", "senseair-s8", "xy-md02"]


def test_one_that_is_asked_seldom_is_doubted_later() -> None:
    assert settings({"tcp": "127.0.0.1:502"}, every_s=300).stale_after_s == 1200
    assert settings({"tcp": "127.0.0.1:502"}, every_s=300, stale_after_s=400).stale_after_s == 400


@pytest.fixture
def tank(tmp_path: Path) -> Settings:
    own = tmp_path / "tank.toml"
    own.write_text(
        'source = "the maker"\nfunction = 3\n[title]\nen = "Tank"\nzh-CN = "水箱"\n'
        '[[register]]\nquantity = "energy_kwh"\nregister = 10\ntype = "uint32"\nlow_word_first = true\nscale = 0.01\noffset = 5\n',
        encoding="utf-8",
    )
    return settings({"tcp": "127.0.0.1:1", "framing": "modbus-rtu"}, str(own))


async def test_a_profile_of_the_branchs_own(tank: Settings) -> None:
    line = line_with(1, {10: 1, 11: 2})
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        here = tank.model_copy(update={"link": tank.link.model_copy(update=link)})
        async with running(lambda: run(here, branch)):
            await branch.until(lambda: branch.states() == ["online"])
    assert branch.latest("energy_kwh").value == pytest.approx((2 * 65_536 + 1) * 0.01 + 5)


def test_a_profile_file_with_mistakes_tells_them_all(tmp_path: Path) -> None:
    own = tmp_path / "bad.toml"
    own.write_text('function = 9\n[title]\nen = "x"\n[[register]]\nquantity = "co2"\nregister = 1\ntyp = "int16"\n', encoding="utf-8")
    with pytest.raises(ValidationError) as raised:
        settings({"tcp": "127.0.0.1:502"}, str(own))
    said = str(raised.value)
    for mistake in ("title.zh-CN", "source", "function", "register.1.quantity", "co2_ppm", "register.1.typ", "'type'"):
        assert mistake in said


def test_a_profile_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="cannot be read"):
        settings({"tcp": "127.0.0.1:502"}, str(tmp_path / "none.toml"))
