"""A recording with what was seen in it drawn over: boxes, paths, lines and zones, and above it the counts."""

from __future__ import annotations

from collections import defaultdict, deque
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from devices.camera import CameraSettings
from devices.links.video import Picture
from edge.vision.counting import Line
from edge.vision.drawing import Brush, Pixels, Point, colour
from edge.vision.recording import Count
from edge.vision.tracker import Track
from edge.vision.view import Seen

_PATH: Final = 60  # positions of a track that are drawn
_LIT_S: Final = 0.7  # a line that was crossed is lit for so long
_ARROW: Final = 0.075  # picture widths
_LINE, _LIT, _ZONE, _ALARM = (0, 200, 255), (90, 255, 120), (255, 160, 0), (60, 60, 230)


class RenderError(Exception):
    """The picture cannot be written; the text says what to do."""


class Renderer:
    """Writes the pictures it is shown into an MP4 file."""

    def __init__(self, path: Path, settings: CameraSettings, every: int) -> None:
        self._path, self._settings, self._every = path, settings, every
        self._writer: cv2.VideoWriter | None = None
        self._paths: defaultdict[int, deque[Point]] = defaultdict(lambda: deque(maxlen=_PATH))
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
        brush = Brush(shot.pixels)
        for name, polygon in self._settings.zones.items():
            brush.area([brush.pixel(*corner) for corner in polygon], _ZONE)
            brush.tag(name, brush.pixel(*polygon[0]), _ZONE)
        for name, line in self._settings.lines.items():
            lit = any(crossing.line == name and shot.t - crossing.t < _LIT_S for crossing in count.crossings)
            _line(brush, name, [brush.pixel(*point) for point in line.points], _LIT if lit else _LINE)
        for track in seen.tracks:
            self._track(brush, track, held=track.seen < shot.t)
        self._write(brush.under(self._header(seen, count), _clock(shot.t), _ALARM if seen.blindness else None), count.fps)

    def _write(self, picture: Pixels, fps: float) -> None:
        if self._writer is None:
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            self._writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), max(1.0, fps / self._every), self._size)
            if not self._writer.isOpened():
                raise RenderError(f"{self._path}: cannot be written; give a path that ends in .mp4, in a folder that can be written")
        self._writer.write(np.asarray(cv2.resize(picture, self._size), np.uint8) if picture.shape[1::-1] != self._size else picture)

    def _header(self, seen: Seen, count: Count) -> list[str]:
        """What is counted so far, a piece a line and zone."""
        lines = [f"{name}:  in {count.passed(name, 'in')}  out {count.passed(name, 'out')}" for name in self._settings.lines]
        zones = [f"{name}:  now {seen.people[name]}  visits {len(count.dwells_s(name))}" for name in self._settings.zones]
        return [*lines, *zones, *([f"cannot see: {seen.blindness}"] if seen.blindness else [])]

    def _track(self, brush: Brush, track: Track, *, held: bool) -> None:
        """A person's box and path; thin where nobody was found in this picture and the box stands where they should be."""
        ink, columns = colour(track.id), brush.columns
        x1, y1, x2, y2 = (round(side * columns) for side in track.box)
        path = self._paths[track.id]
        path.append((round(track.centre[0] * columns), round(track.centre[1] * columns)))
        brush.path(path, ink)
        brush.box((x1, y1), (x2, y2), ink, thin=held)
        brush.tag(str(track.id), (x1, y1), ink)


def _line(brush: Brush, name: str, ends: list[Point], ink: tuple[int, int, int]) -> None:
    """A line with its name at its first end, and in its middle an arrow that says which way is in."""
    first, second = ends
    line = Line(name, first, second)
    middle = ((first[0] + second[0]) // 2, (first[1] + second[1]) // 2)
    step = brush.columns * _ARROW / line.length
    tip = (round(middle[0] + (second[1] - first[1]) * step), round(middle[1] + (first[0] - second[0]) * step))
    brush.stroke(first, second, ink)
    brush.arrow(middle, tip, ink)
    brush.tag(name, first, ink)
    brush.tag("in", (tip[0] + round(brush.columns * _ARROW / 6), tip[1]), ink)


def _clock(t: float) -> str:
    return f"{int(t) // 60}:{int(t) % 60:02d}"
