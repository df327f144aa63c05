"""Backoff: doubles to 30 s, spreads over all of it, and begins again after the wire held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links import backoff
from devices.links.backoff import Backoff


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "MOST_S", 30.0)


def test_doubles_to_30_s() -> None:
    waits = Backoff(draw=lambda _, most: most)
    assert [round(waits.next_s(), 1) for _ in range(11)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_begins_again_after_it_held() -> None:
    waits = Backoff(draw=lambda _, most: most)
    for _ in range(5):
        waits.next_s(held_s=9.9)
    assert waits.next_s(held_s=10.0) == pytest.approx(0.1)
    assert waits.next_s() == pytest.approx(0.2)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_stays_between_nothing_and_30_s(held: list[float]) -> None:
    waits = Backoff()
    assert all(0 <= waits.next_s(held_s=held_s) <= 30 for held_s in held)


def test_never_too_large_a_power() -> None:
    waits = Backoff(draw=lambda _, most: most)
    for _ in range(5_000):
        assert waits.next_s() <= 30
