"""The background model: a person on an even floor is one box, two are two, and the empty floor is nobody."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.background import Background

FLOOR = np.full((180, 320, 3), 140, np.uint8)


def picture(*people: tuple[int, int], noise: np.random.Generator) -> NDArray[np.uint8]:
    drawn = FLOOR.copy()
    for place in people:
        cv2.ellipse(drawn, place, (16, 9), 0, 0, 360, (40, 40, 90), -1)
        cv2.circle(drawn, place, 7, (20, 20, 20), -1)
    return np.clip(drawn + noise.normal(0, 3, drawn.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def taught() -> tuple[Background, np.random.Generator]:
    """A model that has seen the empty floor and then a dozen people alone."""
    model, noise = Background(), np.random.default_rng(1)
    for _ in range(30):
        model.detect(picture(noise=noise))
    for x in range(40, 280, 20):
        model.detect(picture((x, 90), noise=noise))
    return model, noise


def test_an_empty_floor_is_nobody(taught: tuple[Background, np.random.Generator]) -> None:
    model, noise = taught
    assert len(model.detect(picture(noise=noise))) == 0


def test_one_is_one_in_the_pixels_of_a_larger_picture(taught: tuple[Background, np.random.Generator]) -> None:
    model, noise = taught
    large = np.asarray(cv2.resize(picture((150, 60), noise=noise), (1280, 720), interpolation=cv2.INTER_NEAREST), np.uint8)
    ((x1, y1, x2, y2, score, kind),) = model.detect(large)
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((600, 240), abs=16)
    assert (score, kind) == (pytest.approx(0.8), 0)


@pytest.mark.parametrize("apart", [26, 30, 60])
def test_two_side_by_side_are_two(taught: tuple[Background, np.random.Generator], apart: int) -> None:
    model, noise = taught
    found = model.detect(picture((120, 90), (120 + apart, 90), noise=noise))
    assert sorted((found[:, 0] + found[:, 2]) / 2) == pytest.approx([120, 120 + apart], abs=6)


def test_who_stands_is_still_seen_after_half_a_minute(taught: tuple[Background, np.random.Generator]) -> None:
    model, noise = taught
    found = [len(model.detect(picture((150, 60), noise=noise))) for _ in range(300)]
    assert set(found) == {1}
