"""What is drawn over a picture: strokes with a dark edge that show on any floor, tags, and a header above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Point = tuple[int, int]
Ink = tuple[int, int, int]

_DRAWN_FOR: Final = 640  # columns for which strokes and letters of size 1 are right
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PALE, _DARK, _EDGE = (255, 255, 255), (38, 34, 30), (20, 20, 20)
_VEIL: Final = 0.12  # how much of a zone's colour lies over the picture


class Brush:
    """A picture to draw on: a copy, enlarged to 640 columns where it has fewer."""

    def __init__(self, pixels: Pixels) -> None:
        wider = max(1.0, _DRAWN_FOR / pixels.shape[1])
        self._picture: Pixels = np.asarray(cv2.resize(pixels, None, fx=wider, fy=wider), np.uint8) if wider > 1 else pixels.copy()
        self.rows, self.columns = int(self._picture.shape[0]), int(self._picture.shape[1])
        self._size = self.columns / _DRAWN_FOR

    def pixel(self, x: float, y: float) -> Point:
        """A point given in parts of the picture."""
        return round(x * self.columns), round(y * self.rows)

    def stroke(self, first: Point, second: Point, ink: Ink) -> None:
        """A line with a dark edge."""
        for colour_, wide in ((_EDGE, 5), (ink, 3)):
            cv2.line(self._picture, first, second, colour_, self._wide(wide), cv2.LINE_AA)

    def arrow(self, foot: Point, tip: Point, ink: Ink) -> None:
        """An arrow with a dark edge."""
        for colour_, wide in ((_EDGE, 5), (ink, 3)):
            cv2.arrowedLine(self._picture, foot, tip, colour_, self._wide(wide), cv2.LINE_AA, tipLength=0.35)

    def area(self, corners: Sequence[Point], ink: Ink) -> None:
        """A polygon under a veil of its colour."""
        outline, veil = np.array(corners, np.int32), self._picture.copy()
        cv2.fillPoly(veil, [outline], ink)
        cv2.addWeighted(veil, _VEIL, self._picture, 1 - _VEIL, 0, dst=self._picture)
        cv2.polylines(self._picture, [outline], isClosed=True, color=ink, thickness=self._wide(2), lineType=cv2.LINE_AA)

    def path(self, points: Sequence[Point], ink: Ink) -> None:
        """A path, thinner the longer ago."""
        for i, (before, after) in enumerate(zip(list(points)[:-1], list(points)[1:], strict=True), start=1):
            cv2.line(self._picture, before, after, ink, self._wide(1 + 2 * i / len(points)), cv2.LINE_AA)

    def box(self, first: Point, second: Point, ink: Ink, *, thin: bool) -> None:
        """A rectangle."""
        cv2.rectangle(self._picture, first, second, ink, self._wide(1 if thin else 2), cv2.LINE_AA)

    def tag(self, words: str, at: Point, ink: Ink) -> None:
        """Words on a patch of that colour whose lower left corner is at a point, or as near to it as the picture allows."""
        (wide, high), below = cv2.getTextSize(words, _FONT, 0.45 * self._size, 1)
        pad = self._wide(3)
        x = max(0, min(at[0], self.columns - wide - 2 * pad))
        y = max(high + below + pad, min(at[1], self.rows))
        cv2.rectangle(self._picture, (x, y - high - below - pad), (x + wide + 2 * pad, y), ink, cv2.FILLED)
        cv2.putText(self._picture, words, (x + pad, y - below), _FONT, 0.45 * self._size, _EDGE, self._wide(1), cv2.LINE_AA)

    def under(self, told: Sequence[str], right: str, alarm: Ink | None) -> Pixels:
        """The picture under a header: as many rows as the pieces of what is told need, and at the right end of the first `right`."""
        rows = self._rows(told, self._across(right))
        step = self._wide(26)
        header: Pixels = np.full((step * len(rows), self.columns, 3), alarm or _DARK, np.uint8)
        for i, row in enumerate(rows):
            self._words(header, row, self._wide(8), step * (i + 1) - self._wide(8))
        self._words(header, right, self.columns - self._across(right) - self._wide(8), step - self._wide(8))
        return np.vstack((header, self._picture))

    def _rows(self, told: Sequence[str], taken: int) -> list[str]:
        rows = [""]
        for piece in told:
            longer = f"{rows[-1]}     {piece}" if rows[-1] else piece
            if rows[-1] and self._across(longer) > self.columns - taken - self._wide(32):
                rows.append(piece)
            else:
                rows[-1] = longer
        return rows

    def _across(self, words: str) -> int:
        return int(cv2.getTextSize(words, _FONT, 0.5 * self._size, 1)[0][0])

    def _words(self, on: Pixels, words: str, x: int, y: int) -> None:
        cv2.putText(on, words, (x, y), _FONT, 0.5 * self._size, _PALE, self._wide(1), cv2.LINE_AA)

    def _wide(self, size: float) -> int:
        return max(1, round(size * self._size))


def colour(number: int) -> tuple[int, int, int]:
    """A light colour (BGR) of its own for each of neighbouring numbers: steps of the golden ratio around the circle of hues."""
    hue: NDArray[Any] = np.full((1, 1, 3), (int(number * 0.618034 * 180) % 180, 150, 255), np.uint8)
    blue, green, red = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red
