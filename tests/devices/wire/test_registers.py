"""Registers: numbers out of words and back, and few requests that tear no number."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.registers import Kind, Register, encoded, number, requests, value
from devices.wire.slave import pause_s, silence

KINDS: list[Kind] = ["int16", "uint16", "int32", "uint32", "float32"]
SPANS = st.lists(st.builds(lambda start, size: range(start, start + size), st.integers(0, 400), st.sampled_from([1, 2])), max_size=30)


@pytest.mark.parametrize(
    ("register", "words", "found"),
    [
        (Register("temperature_c", 1, "int16", scale=0.1), {1: 0xFFF6}, -1.0),
        (Register("temperature_c", 1, "int16", scale=0.1), {1: 261}, 26.1),
        (Register("co2_ppm", 3), {3: 0xFFFF}, 65_535),
        (Register("energy_kwh", 0, "uint32"), {0: 1, 1: 2}, 65_538),
        (Register("energy_kwh", 0, "uint32", low_word_first=True), {0: 1, 1: 2}, 131_073),
        (Register("power_w", 0, "int32"), {0: 0xFFFF, 1: 0xFFFE}, -2),
        (Register("voltage_v", 0, "float32"), {0: 0x4366, 1: 0x3333}, pytest.approx(230.2, abs=1e-4)),
        (Register("temperature_c", 0, offset=-40.0), {0: 65}, 25.0),
        (Register("mode", 1, words={0: "cool", 1: "heat"}, power=0), {0: 1, 1: 1}, "heat"),
        (Register("mode", 1, words={0: "cool", 1: "heat"}, power=0), {0: 0, 1: 1}, "off"),
        (Register("mode", 1, words={0: "cool"}), {1: 9}, 9),
        (Register("mode", 1, words={0: "cool"}, power=0), {1: 0}, None),
        (Register("energy_kwh", 0, "uint32"), {0: 1}, None),
    ],
)
def test_what_words_mean(register: Register, words: dict[int, int], found: object) -> None:
    assert value(register, words) == found


@pytest.mark.parametrize(
    ("register", "wished", "words"),
    [
        (Register("setpoint_c", 2, scale=0.1), 25.5, {2: 255}),
        (Register("setpoint_c", 2, scale=0.1), 25.04, {2: 250}),
        (Register("temperature_c", 2, "int16", scale=0.1), -1.0, {2: 0xFFF6}),
        (Register("mode", 1, words={0: "cool", 3: "dry"}, power=0), "dry", {1: 3, 0: 1}),
        (Register("mode", 1, words={0: "cool", 3: "dry"}, power=0), "off", {0: 0}),
        (Register("relay", 5), True, {5: 1}),
        (Register("energy_kwh", 0, "uint32", low_word_first=True), 65_538, {0: 2, 1: 1}),
    ],
)
def test_what_makes_a_wish_true(register: Register, wished: object, words: dict[int, int]) -> None:
    assert encoded(register, wished) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("register", "wished"),
    [
        (Register("setpoint_c", 2, scale=0.1), 9_999_999),
        (Register("setpoint_c", 2), -1),
        (Register("setpoint_c", 2), float("nan")),
        (Register("setpoint_c", 2), "warm"),
        (Register("setpoint_c", 2), None),
        (Register("setpoint_c", 2, "float32"), 1e300),
        (Register("mode", 1, words={0: "cool"}), "heat"),
        (Register("mode", 1, words={0: "cool"}), "off"),
    ],
)
def test_what_no_word_says(register: Register, wished: object) -> None:
    with pytest.raises(ValueError, match=r"is|does not fit"):
        encoded(register, wished)  # type: ignore[arg-type]


@given(st.sampled_from(KINDS), st.booleans(), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_every_word_is_a_number_and_goes_back(kind: Kind, low_word_first: bool, first: int, second: int) -> None:
    register = Register("x", 10, kind, low_word_first)
    words = dict(zip(register.registers, (first, second), strict=False))
    found = number(register, words)
    assert found is not None
    if math.isfinite(found):
        assert encoded(register, found) == words


@given(SPANS, st.integers(2, 125), st.integers(0, 20))
def test_requests_cover_all_and_keep_their_bounds(wanted: list[range], most: int, gap: int) -> None:
    asked = requests(wanted, most, gap)
    assert all(len(span) <= most for span in asked)
    for span in wanted:
        assert any(span.start >= one.start and span.stop <= one.stop for one in asked)  # whole, in one request
    read = {at for span in asked for at in span}
    wished = {at for span in wanted for at in span}
    assert all(any(at - near in wished or at + near in wished for near in range(gap + 1)) for at in read)


def test_neighbours_share_a_request() -> None:
    assert requests([range(2, 3), range(1, 2)], 10) == [range(1, 3)]
    assert requests([range(2), range(6, 8), range(12, 14)], 10, 4) == [range(8), range(12, 14)]
    assert requests([range(1), range(3, 4)], 10) == [range(1), range(3, 4)]


@pytest.mark.parametrize(
    ("misses", "retries", "state"),
    [(1, 3, None), (2, 3, "stale"), (3, 3, "stale"), (4, 3, "offline"), (1, 0, "offline"), (99, 3, "offline")],
)
def test_what_silence_means(misses: int, retries: int, state: str | None) -> None:
    found = silence(misses, retries, 7)
    assert (found and found[0]) == state


def test_a_silent_slave_is_asked_less_and_less_often_up_to_a_bound() -> None:
    assert [pause_s(misses, 10, 60) for misses in (0, 1, 2, 3, 4, 5, 10_000)] == [10, 10, 20, 40, 60, 60, 60]
    assert pause_s(5, 300, 60) == 300  # never more often than one that answers
