"""The gate and what a camera cannot see: nothing moves, nothing is lit, nothing is there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.vision.sight import Gate, Sight, small

RANDOM = np.random.default_rng(0)
ROOM = np.asarray(RANDOM.integers(40, 220, (27, 48, 1)).repeat(3, axis=2).repeat(16, axis=0).repeat(16, axis=1), np.uint8)


def noisy(picture: NDArray[np.uint8], spread: float = 3.0) -> NDArray[np.uint8]:
    return np.clip(picture + RANDOM.normal(0, spread, picture.shape), 0, 255).astype(np.uint8)


def with_person(x: int) -> NDArray[np.uint8]:
    picture = ROOM.copy()
    picture[100:250, x : x + 50] = 20
    return picture


def opens(gate: Gate, cells: NDArray[np.uint8], t: float) -> bool:
    return gate.judge(cells, t) == "look"


def test_after_a_look_it_rests_and_then_sees_what_moved() -> None:
    gate = Gate(rest_s=0.13)
    verdicts = [gate.judge(small(with_person(100 + 40 * i)), i / 10) for i in range(6)]
    assert verdicts == ["look", "rest", "look", "rest", "look", "rest"]
    assert gate.judge(small(with_person(260)), 0.6) == "same"


def test_noise_does_not_open_the_gate_and_a_person_does() -> None:
    gate = Gate()
    assert opens(gate, small(noisy(ROOM)), 0.0)
    assert not any(opens(gate, small(noisy(ROOM)), i / 10) for i in range(1, 10))
    assert opens(gate, small(noisy(with_person(300))), 0.95)


def test_it_opens_each_second_however_still_it_is() -> None:
    gate = Gate()
    assert sum(opens(gate, small(ROOM), i / 10) for i in range(100)) == 10


def test_slow_movement_adds_up() -> None:
    gate = Gate()
    opens(gate, small(with_person(300)), 0.0)
    assert any(opens(gate, small(with_person(300 + i)), i / 20) for i in range(1, 19))


def test_time_that_goes_back_opens_it() -> None:
    gate = Gate()
    opens(gate, small(ROOM), 100.0)
    assert opens(gate, small(ROOM), 50.0)


@pytest.mark.parametrize(
    ("picture", "blindness"),
    [(np.full_like(ROOM, 4), "dark"), (np.full_like(ROOM, 128), "covered"), (np.full_like(ROOM, 250), "covered"), (ROOM, None)],
)
def test_what_keeps_it_from_seeing(picture: NDArray[np.uint8], blindness: str | None) -> None:
    sight = Sight()
    judged = [sight.judge(small(noisy(picture)), i / 10) for i in range(60)]
    assert judged[-1] == blindness
    assert judged[10] is None  # not at once: a light may flicker


def test_a_frozen_picture_is_found_within_half_a_minute_and_forgotten_at_once() -> None:
    sight = Sight()
    judged = [sight.judge(small(ROOM), float(i)) for i in range(31)]
    assert judged[15] is None
    assert judged[30] == "frozen"
    assert sight.judge(small(noisy(ROOM)), 31.0) is None


def test_a_quiet_room_with_a_sensors_noise_is_not_frozen() -> None:
    sight = Sight()
    assert not any(sight.judge(small(noisy(ROOM, 2.0)), float(i)) for i in range(100))
