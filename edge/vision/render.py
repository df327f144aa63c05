"""A recording with what was seen in it drawn over: boxes, paths, lines, zones and counts."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from devices.camera import CameraSettings
from devices.links.video import Picture
from edge.vision.counting import Line
from edge.vision.recording import Count
from edge.vision.view import Seen

_PATH: Final = 60  # positions of a track that are drawn
_LINE, _ZONE, _INK, _PAPER = (0, 200, 255), (255, 160, 0), (255, 255, 255), (40, 40, 40)


class RenderError(Exception):
    """The picture cannot be written; the text says what to do."""


class Renderer:
    """Writes the pictures it is shown into an MP4 file."""

    def __init__(self, path: Path, settings: CameraSettings, every: int) -> None:
        self._path, self._settings, self._every = path, settings, every
        self._writer: cv2.VideoWriter | None = None
        self._paths: defaultdict[int, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=_PATH))
        self._size = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer:
            self._writer.release()

    def show(self, shot: Picture, seen: Seen, count: Count) -> None:
        """Draw one picture and write it.

        Raises:
            RenderError: the file cannot be written.
        """
        picture = shot.pixels.copy()
        if self._writer is None:
            self._open(picture, count.fps)
        self._lines_and_zones(picture, seen, count)
        for track in seen.tracks:
            self._track(picture, track.id, track.box, track.centre, held=track.seen < shot.t)
        if seen.blindness:
            _write(picture, f"cannot see: {seen.blindness}", (8, picture.shape[0] - 10))
        if self._writer:
            self._writer.write(np.asarray(cv2.resize(picture, self._size), np.uint8) if picture.shape[1::-1] != self._size else picture)

    def _open(self, picture: NDArray[np.uint8], fps: float) -> None:
        self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        self._writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), max(1.0, fps / self._every), self._size)
        if not self._writer.isOpened():
            raise RenderError(f"{self._path}: cannot be written; give a path that ends in .mp4, in a folder that can be written")

    def _lines_and_zones(self, picture: NDArray[np.uint8], seen: Seen, count: Count) -> None:
        rows, columns = picture.shape[:2]
        for name, polygon in self._settings.zones.items():
            corners = np.array([(x * columns, y * rows) for x, y in polygon], np.int32)
            cv2.polylines(picture, [corners], isClosed=True, color=_ZONE, thickness=2)
            _write(picture, f"{name}: {seen.people[name]}", (int(corners[0][0]) + 4, int(corners[0][1]) + 16))
        for name, line in self._settings.lines.items():
            first, second = ((round(x * columns), round(y * rows)) for x, y in line.points)
            cv2.line(picture, first, second, _LINE, 2)
            middle = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
            seen_from = Line(name, first, second)
            step = (second[1] - first[1]) / seen_from.length * 24, (first[0] - second[0]) / seen_from.length * 24
            towards_in = _pixel((middle[0] + step[0], middle[1] + step[1]))
            cv2.arrowedLine(picture, _pixel(middle), towards_in, _LINE, 2, tipLength=0.4)
            _write(picture, f"{name}: in {count.passed(name, 'in')} out {count.passed(name, 'out')}", _pixel(middle))

    def _track(
        self, picture: NDArray[np.uint8], number: int, box: tuple[float, float, float, float], centre: tuple[float, float], *, held: bool
    ) -> None:
        columns, ink = picture.shape[1], colour(number)
        x1, y1, x2, y2 = (round(side * columns) for side in box)
        path = self._paths[number]
        path.append(_pixel((centre[0] * columns, centre[1] * columns)))
        cv2.rectangle(picture, (x1, y1), (x2, y2), ink, 1 if held else 2)
        cv2.polylines(picture, [np.array(path, np.int32)], isClosed=False, color=ink, thickness=2)
        _write(picture, str(number), (x1 + 2, y1 + 14))


def _pixel(point: tuple[float, float]) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _write(picture: NDArray[np.uint8], words: str, at: tuple[int, int]) -> None:
    (across, up), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    x, y = max(2, min(at[0], picture.shape[1] - across - 2)), max(up + 2, at[1])
    cv2.rectangle(picture, (x - 2, y - up - 2), (x + across + 2, y + below), _PAPER, cv2.FILLED)
    cv2.putText(picture, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)


def colour(number: int) -> tuple[int, int, int]:
    """A colour (BGR) of its own for each of neighbouring numbers: steps of the golden ratio around the circle of hues."""
    hue = np.full((1, 1, 3), (int(number * 0.618034 * 180) % 180, 200, 255), np.uint8)
    blue, green, red = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red
