"""A detector without a network, for a camera in the ceiling: what differs from the empty floor, cut into people."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.decode import NOTHING, Boxes

NAME: Final = "background"
LONGEST_PX: Final = 320

_LEARNING: Final = 0.0007  # a picture
_FLOOR_SHARE: Final = 0.6  # of a pixel's past: with the rate above, who stands for a minute at 10/s is not floor yet
_FIRST_PICTURES: Final = 20  # learned faster: the floor as it is at the start
_VARIANCES: Final = 20.0  # of a pixel, from which it is not the floor
_SHADOW: Final = 127  # OpenCV's mark
_LEAST, _MOST = 0.035, 0.55  # of a blob's width and height, in picture widths
_LEAST_FILLED: Final = 0.3  # of its box
_KNOWN_SIZES: Final = 300
_ENOUGH_SIZES: Final = 6
_SINGLE: Final = 0.65  # quantile of the areas seen that is one person's, whole
_TWO: Final = 1.6  # areas of a person from which a blob is more than one
_MOST_IN_A_BLOB: Final = 6
_SCORE: Final = 0.8


Blob = NDArray[np.float64]
"""n x 2: the x and y of each of its pixels."""


class Background:
    """Finds people from above by subtracting the background (MOG2, Zivkovic 2004); remembers the floor of one camera.

    Good for a camera that looks straight down on a floor of even light. It takes whatever moves for a person: a trolley
    and a door leaf too.
    """

    name = NAME
    longest_px = LONGEST_PX

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=_VARIANCES, detectShadows=True)
        self._model.setBackgroundRatio(_FLOOR_SHARE)
        self._pictures = 0
        self._areas: deque[float] = deque(maxlen=_KNOWN_SIZES)  # of whole blobs, in pixels of the mask

    def detect(self, pixels: NDArray[np.uint8], _threshold: float = 0.1) -> Boxes:
        """People in a picture (rows x columns x 3 uint8, BGR): n x 6 float32, x1 y1 x2 y2 in its pixels, score, class 0."""
        mask = self._foreground(pixels)
        boxes = [box for blob in _blobs(mask) for box in self._people(blob, mask.shape)]
        scale = pixels.shape[1] / mask.shape[1]
        return np.array([(*(side * scale for side in box), _SCORE, 0) for box in boxes], np.float32) if boxes else NOTHING

    def _foreground(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        scale = min(1.0, LONGEST_PX / max(pixels.shape[:2]))
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        learning = 1 / (self._pictures + 1) if self._pictures < _FIRST_PICTURES else _LEARNING
        self._pictures += 1
        marks = self._model.apply(cv2.GaussianBlur(small, (5, 5), 0), learningRate=learning)
        mask = cv2.morphologyEx(np.asarray(marks > _SHADOW, np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)

    def _people(self, blob: Blob, shape: tuple[int, ...]) -> list[tuple[float, float, float, float]]:
        """The boxes of those whom a blob shows: one, or as many as its area makes, side by side along its longer axis."""
        if _whole(blob, shape):
            self._areas.append(len(blob))  # those of two people too: left out they would make everyone look like two
        typical = float(np.quantile(self._areas, _SINGLE)) if len(self._areas) >= _ENOUGH_SIZES else len(blob)
        number = min(_MOST_IN_A_BLOB, round(len(blob) / typical)) if len(blob) > _TWO * typical else 1
        if number == 1:
            return [_box(blob)]
        centred = blob - blob.mean(axis=0)
        axis = np.linalg.eigh(np.cov(centred.T))[1][:, -1]
        parts = np.array_split(np.argsort(centred @ axis, kind="stable"), number)
        return [_box(blob[part]) for part in parts]


def _blobs(mask: NDArray[np.uint8]) -> list[Blob]:
    """The pixels of each part of the mask large enough to be somebody."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    blobs = []
    for label in range(1, count):
        left, top, across, down, area = (int(value) for value in stats[label])
        sides = across / mask.shape[1], down / mask.shape[1]
        if min(sides) >= _LEAST and max(sides) <= _MOST and area >= _LEAST_FILLED * across * down:
            rows, columns = np.nonzero(labels[top : top + down, left : left + across] == label)
            blobs.append(np.stack((columns + left + 0.5, rows + top + 0.5), axis=1))
    return blobs


def _whole(blob: Blob, shape: tuple[int, ...]) -> bool:
    """Whether a blob lies inside the picture, not cut by its edge."""
    return bool(blob.min() > 1 and blob[:, 0].max() < shape[1] - 1 and blob[:, 1].max() < shape[0] - 1)


def _box(blob: NDArray[Any]) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = blob.min(axis=0).tolist(), blob.max(axis=0).tolist()
    return x1, y1, x2, y2
