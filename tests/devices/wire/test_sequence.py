"""Sequence numbers: a gap is told once and counts right, repeats fill it, a restart is no gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.sequence import Gaps


@pytest.mark.parametrize(
    ("numbers", "missed"),
    [
        ([5, 6, 7], []),
        ([5, 6, 9], [(7, 8)]),
        ([5, 7, 9], [(6, 6), (8, 8)]),
        ([5, 6, 6, 6], []),
        ([9, 8, 7], []),  # from before we listened
        ([5, 6, 1000], []),  # a source that numbers anew
    ],
)
def test_what_is_missed_of_a_source_that_cannot_repeat(numbers: list[int], missed: list[tuple[int, int]]) -> None:
    gaps, told = Gaps(0.0), []
    for number in numbers:
        gaps.heard(number, str(number), 0.0)
        told += gaps.missed(0.0)
    assert told == missed
    assert gaps.missed(1e9) == []


def test_a_gap_that_a_repeat_fills_is_none() -> None:
    gaps = Gaps(600.0)
    for number in (1, 2, 5):
        gaps.heard(number, str(number), 0.0)
    gaps.heard(3, "3", 10.0)
    assert gaps.missed(599.0) == []
    assert gaps.missed(600.0) == [(4, 4)]
    gaps.heard(4, "4", 700.0)  # too late: told already
    assert gaps.missed(9e9) == []


def test_the_same_number_with_other_content_is_a_restart_and_ends_what_was_missing() -> None:
    gaps = Gaps(600.0)
    for number in (1, 2, 4):
        gaps.heard(number, f"before {number}", 0.0)
    gaps.heard(1, "after 1", 1.0)
    assert gaps.missed(1.0) == [(3, 3)]
    gaps.heard(3, "after 3", 2.0)
    assert gaps.missed(1000.0) == [(2, 2)]


@given(st.integers(0, 1000), st.lists(st.booleans(), min_size=2, max_size=300))
def test_counts_exactly_what_never_came(first: int, came: list[bool]) -> None:
    numbers = [first + step for step, here in enumerate(came) if here]
    gaps, told = Gaps(0.0), 0
    for number in numbers:
        gaps.heard(number, "x", 0.0)
        told += sum(last - begin + 1 for begin, last in gaps.missed(0.0))
    inside = came[came.index(True) : len(came) - came[::-1].index(True)] if any(came) else []
    longest = max((len(run) for run in "".join("x" if here else "-" for here in inside).split("x")), default=0)
    assert longest > 255 or told == inside.count(False)


def test_memory_is_bounded() -> None:
    gaps = Gaps(1e9)
    for number in range(0, 100_000, 2):
        gaps.heard(number, "x", 0.0)
    assert len(gaps._missing) <= 256
    assert len(gaps._heard) <= 256
