"""UPS: the maker's answer, what its flags mean, no power cut out of noise, and silence told."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver import LinkDownError
from devices.reading import Quality, Sample
from devices.ups import Settings, Status, Ups, decode, run, samples, troubles
from tests.devices.fakes import FakeBranch, FakeLine, running

MANUAL = b"(208.4 140.0 208.4 034 59.9 2.05 35.0 00110000\r"
SOUND = Status(208.4, 208.4, 34, 59.9, 2.05, 35.0, 0b00110000)


def answer(flags: int, battery: str = "13.6", inside: str = "31.0") -> bytes:
    return f"(229.8 000.0 229.8 041 50.0 {battery} {inside} {flags:08b}\r".encode()


def settings(**more: object) -> Settings:
    return Settings.model_validate({"link": {"serial": "/dev/ttyTEST", "baud": 2400}, **more})


def test_the_answer_of_the_manual() -> None:
    assert list(decode(bytearray(MANUAL))) == [SOUND]
    said = {(sample.quantity, sample.part): sample.value for sample in samples(SOUND)}
    assert said == {
        ("voltage_v", "input"): 208.4,
        ("voltage_v", "output"): 208.4,
        ("load_pct", ""): 34,
        ("frequency_hz", ""): 59.9,
        ("battery_v", ""): 2.05,
        ("inside_c", ""): 35.0,
        ("on_battery", ""): False,
    }


def test_a_temperature_that_it_has_not_is_missing() -> None:
    (status,) = decode(bytearray(answer(0, "2.27", "--.-")))
    assert status
    assert Sample("inside_c", None, quality=Quality.MISSING) in list(samples(status))


@pytest.mark.parametrize(
    ("flags", "causes"),
    [
        (0, []),
        (0b10000000, ["mains"]),
        (0b11000000, ["empty"]),
        (0b01000000, ["battery"]),
        (0b00110000, ["failed", "bypass"]),
        (0b00101000, []),
        (0b00000111, []),
    ],
)
def test_what_the_flags_mean(flags: int, causes: list[str]) -> None:
    (status,) = decode(bytearray(answer(flags)))
    assert status
    assert list(troubles(status)) == causes


@given(
    st.lists(st.sampled_from([answer(0), MANUAL, b"\r", b"#208.0 040 020.0 60.0\r"]) | st.binary(max_size=60), max_size=8),
    st.integers(1, 9),
)
def test_finds_every_answer_between_noise_in_pieces(parts: list[bytes], piece: int) -> None:
    wire, buffer, found = b"\r".join(parts) + b"\r", bytearray(), list[Status | None]()
    for at in range(0, len(wire), piece):
        buffer += wire[at : at + piece]
        found += decode(buffer)
        assert len(buffer) < 49
    assert len(found) == wire.count(b"\r")
    assert sum(status is not None for status in found) >= sum(part in {answer(0), MANUAL} for part in parts)


@given(st.integers(0, len(MANUAL) - 1), st.integers(0, 255))
def test_one_wrong_byte_tells_no_power_cut(at: int, byte: int) -> None:
    branch = FakeBranch()
    ups, wrong = Ups(settings(), branch, 0.0), bytearray(answer(0))
    wrong[at] = byte
    for now, wire in enumerate((answer(0), answer(0), bytes(wrong), answer(0), answer(0))):
        for status in decode(bytearray(wire)):
            ups.take(status, float(now))
    assert set(branch.states()) == {"online"}


async def test_it_is_asked_and_a_power_cut_is_told_with_what_to_do() -> None:
    flags = [0]
    branch, line = FakeBranch(), FakeLine(lambda asked: answer(flags[0]) if asked == b"Q1\r" else None)
    branch._links = {None: line}
    with_line = settings(every_s=1)
    async with running(partial(run, with_line.model_copy(update={"every_s": 0.01}), branch)):
        await branch.until(lambda: branch.states() == ["online"])
        flags[0] = 0b10000000
        await branch.until(lambda: branch.states()[-1] == "faulty")
        assert "no mains power, it runs on its battery (13.6 V)" in branch.reason()
        flags[0] = 0b11000000
        await branch.until(lambda: "nearly empty" in branch.reason())
        flags[0] = 0
        await branch.until(lambda: branch.states()[-1] == "online")


@pytest.mark.parametrize(("said", "why"), [(None, "it does not answer"), (b"\xf8\x00\x80\r", "write `baud: 2400`")])
async def test_silence_and_noise_are_told_apart(said: bytes | None, why: str) -> None:
    line = FakeLine(lambda _: said)
    branch = FakeBranch(line)
    async with running(partial(run, settings().model_copy(update={"every_s": 0.01}), branch)):
        await branch.until(lambda: branch.states()[-2:] == ["stale", "offline"])
        assert why in branch.reason()


class Away(FakeLine):
    """A line whose adapter is pulled out."""

    tries = 0

    async def write(self, data: bytes) -> None:
        self.tries += 1
        raise LinkDownError("the line is away")


async def test_of_a_line_that_is_away_only_the_link_tells() -> None:
    line = Away()
    branch = FakeBranch(line)
    async with running(partial(run, settings().model_copy(update={"every_s": 0.01}), branch)):
        await branch.until(lambda: line.tries > 20)
    assert branch.states() == []
