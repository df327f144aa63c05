"""An overhead camera's picture of the door, drawn: people as shaded heads and shoulders that walk over a textured floor; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import atan2, cos, degrees, hypot, pi, sin
from typing import Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 640, 360, 10
LINE: Final = ((0.10, 0.50), (0.90, 0.50))
"""The door's line as fractions of the picture; `in` is upwards, to the left hand of who walks from the first point to the second."""
Picture = NDArray[np.uint8]

_SPEED_PX_S: Final = 95.0  # a walk of 1.2 m/s under a ceiling of 3.2 m
_HEAD_PX, _SHOULDER_PX = 13, 27
_CLOTHES: Final = ((60, 50, 120), (120, 80, 40), (50, 60, 60), (140, 140, 150), (40, 90, 60), (30, 40, 90), (180, 170, 160), (95, 70, 95))
_HAIR: Final = ((25, 22, 20), (40, 35, 32), (60, 60, 66), (150, 150, 152), (30, 40, 70))
_NOISE: Final = 4.0  # standard deviation of the sensor's, in grey levels
_STEP_HZ: Final = 1.8


class Walk(msgspec.Struct, frozen=True):
    """A person on the way: `begins` in seconds, `path` in pixels, looks drawn from `look`."""

    begins: float
    path: tuple[tuple[float, float], ...]
    speed_px_s: float
    look: int

    @property
    def ends(self) -> float:
        """When the last point is reached."""
        return self.begins + sum(hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in _legs(self.path)) / self.speed_px_s

    def at(self, t: float) -> tuple[float, float, float] | None:
        """Where the head's centre is at `t` (x, y in pixels) and where it walks to (radians); None when out of the picture."""
        gone = (t - self.begins) * self.speed_px_s
        if gone < 0:
            return None
        for (x1, y1), (x2, y2) in _legs(self.path):
            length = hypot(x2 - x1, y2 - y1)
            if gone <= length:
                part = gone / length if length else 0.0
                return x1 + part * (x2 - x1), y1 + part * (y2 - y1), atan2(y2 - y1, x2 - x1)
            gone -= length
        return None


def _legs(path: Sequence[tuple[float, float]]) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    return pairwise(path)


def walk_through(begins: float, direction: str, look: int, random: np.random.Generator, *, beside: float = 0.0) -> Walk:
    """A walk through the door, `in` upwards or `out` downwards; `beside` moves it sideways (pixels), as a companion goes."""
    bottom, top = HEIGHT + 2.0 * _SHOULDER_PX, -2.0 * _SHOULDER_PX
    outside, door, inside = (float(random.uniform(0.22, 0.78)) * WIDTH + beside for _ in range(3))
    bend = float(random.uniform(0.35, 0.65)) * HEIGHT
    path = ((outside, bottom), (door, bend), (inside, top))
    return Walk(begins, path if direction == "in" else path[::-1], _SPEED_PX_S * float(random.uniform(0.8, 1.25)), look)


def floor(seed: int = 0) -> Picture:
    """The empty picture: tiles, a doormat, light from the street, a door frame at the line's ends."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    tiles = ((rows // 45 + columns // 45) % 2) * 8.0 + random.normal(0, 1, (HEIGHT // 45 + 1, WIDTH // 45 + 1))[
        rows // 45, columns // 45
    ] * 4
    light = 150 + 35 * (rows / HEIGHT) - 0.00012 * (columns - WIDTH / 2) ** 2
    grain = cv2.GaussianBlur(random.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.2)
    grey = light + tiles + grain
    coloured = np.clip(np.dstack((grey * 0.94, grey, grey * 1.03)), 0, 255)
    joints = ((rows % 45 < 1) | (columns % 45 < 1))[..., None]
    picture: Picture = np.asarray(np.where(joints, coloured * 0.86, coloured), np.uint8)
    mat = picture[int(HEIGHT * 0.62) : int(HEIGHT * 0.86), int(WIDTH * 0.25) : int(WIDTH * 0.75)]
    mat[:] = (mat * 0.55).astype(np.uint8)
    for x in (0, WIDTH - 40):
        cv2.rectangle(picture, (x, HEIGHT // 2 - 8), (x + 40, HEIGHT // 2 + 8), (70, 75, 78), -1)
    return picture


def draw(background: Picture, walks: Iterable[Walk], t: float, random: np.random.Generator) -> Picture:
    """The picture at `t` (seconds on the walks' clock): `background` with everybody who is in it, and the sensor's noise."""
    picture = background.copy()
    for walk in walks:
        if (place := walk.at(t)) is not None:
            _draw_person(picture, walk, place, t)
    noise = random.normal(0, _NOISE, (HEIGHT // 2, WIDTH // 2, 1)).astype(np.float32)
    grain = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def _draw_person(picture: Picture, walk: Walk, place: tuple[float, float, float], t: float) -> None:
    x, y, heading = place
    centre, turned = (int(x), int(y)), degrees(heading) + 90
    clothes, hair = _CLOTHES[walk.look % len(_CLOTHES)], _HAIR[walk.look // 3 % len(_HAIR)]
    stride = sin(2 * pi * _STEP_HZ * (t - walk.begins))
    _shade(picture, (int(x + 7), int(y + 9)))
    for side in (-1, 1):
        _draw_limb(picture, place, side, stride, clothes)
    cv2.ellipse(picture, centre, (_SHOULDER_PX, 14), turned, 0, 360, clothes, -1, cv2.LINE_AA)
    lit = tuple(min(255, int(part * 1.25 + 18)) for part in clothes)
    cv2.ellipse(picture, (int(x - 2), int(y - 3)), (_SHOULDER_PX - 8, 8), turned, 0, 360, lit, -1, cv2.LINE_AA)
    ahead = (int(x + 3 * cos(heading)), int(y + 3 * sin(heading)))
    cv2.circle(picture, ahead, _HEAD_PX, hair, -1, cv2.LINE_AA)
    shine = tuple(min(255, part + 35) for part in hair)
    cv2.circle(picture, (ahead[0] - 3, ahead[1] - 4), _HEAD_PX // 3, shine, -1, cv2.LINE_AA)


def _draw_limb(picture: Picture, place: tuple[float, float, float], side: int, stride: float, clothes: tuple[int, int, int]) -> None:
    """A foot before or behind, and the hand of the other side."""
    x, y, heading = place
    dark = tuple(int(part * 0.6) for part in clothes)
    for reach, out, size in ((16 * side * stride, 8, (9, 5)), (-12 * side * stride, _SHOULDER_PX - 3, (9, 6))):
        at = (int(x + reach * cos(heading) - side * out * sin(heading)), int(y + reach * sin(heading) + side * out * cos(heading)))
        cv2.ellipse(picture, at, size, degrees(heading), 0, 360, dark, -1, cv2.LINE_AA)


def _shade(picture: Picture, centre: tuple[int, int]) -> None:
    """A soft shadow on the floor."""
    left, top = max(0, centre[0] - 40), max(0, centre[1] - 30)
    part = picture[top : max(0, centre[1] + 30), left : max(0, centre[0] + 40)]
    if part.size == 0:
        return
    mask = np.zeros(part.shape[:2], np.float32)
    cv2.ellipse(mask, (centre[0] - left, centre[1] - top), (30, 20), 0, 0, 360, 0.45, -1)
    part[:] = (part * (1 - cv2.GaussianBlur(mask, (0, 0), 6))[..., None]).astype(np.uint8)
