"""One camera's view: a picture goes in, and who is where, who crossed and who left comes out; nothing here waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.camera import CameraSettings
from edge.vision.counting import Crossing, Line, LineCounter, Visit, Zone, ZoneCounter
from edge.vision.sight import Blindness, Gate, Grey, Sight, small
from edge.vision.tracker import Track, Tracker

Look = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""Finds people: a picture -> n x 5 or more, x1 y1 x2 y2 in its pixels, score."""

_REST_S: Final = {"oblique": 0.13, "overhead": 0.0}  # from above people are small and pass within a second
_NEW_SCENE_S: Final = 5.0  # a gap this long, or time that goes back: nobody is followed over it


class Seen(msgspec.Struct, frozen=True):
    """What one picture told."""

    tracks: tuple[Track, ...]  # in picture widths
    crossings: tuple[Crossing, ...]
    visits: tuple[Visit, ...]  # that are over
    people: dict[str, int]  # in each zone now
    blindness: Blindness | None  # why the camera cannot see
    looked: bool  # whether the network looked at this picture


class View:
    """Lines and zones of one camera, and everything that is remembered between its pictures."""

    def __init__(self, settings: CameraSettings, look: Look) -> None:
        self._settings, self._look = settings, look
        self._gate, self._sight, self._tracker = Gate(), Sight(), Tracker()
        self._tracks: tuple[Track, ...] = ()
        self._aspect = 0.0
        self._boxes: NDArray[Any] = np.empty((0, 6), np.float32)
        self._t: float | None = None
        self.lines: list[LineCounter] = []
        self.zones: list[ZoneCounter] = []

    def step(self, pixels: NDArray[np.uint8], number: int, t: float) -> Seen:
        """Take picture `number` of second `t`."""
        rows, columns = pixels.shape[:2]
        over = self._begin(rows / columns) if self._is_new(rows / columns, t) else []
        self._t, cells = t, small(pixels)
        verdict = self._gate.judge(cells, t)
        if verdict == "rest":
            return self._unchanged(over, cells, t)
        if verdict == "look":
            self._boxes = self._look(pixels).copy()
            self._boxes[:, :4] /= columns
        step = self._tracker.step(self._boxes, t, self._aspect, 1.0)
        self._tracks = step.tracks
        crossings = [crossing for line in self.lines for crossing in line.step(step.tracks, step.ended, number, t)]
        over += [visit for zone in self.zones for visit in zone.step(step.tracks, step.ended, t)]
        people = {zone.zone.name: zone.people(t) for zone in self.zones}
        return Seen(step.tracks, tuple(crossings), tuple(over), people, self._sight.judge(cells, t), verdict == "look")

    def _unchanged(self, over: list[Visit], cells: Grey, t: float) -> Seen:
        """Nobody looked at this picture: all is as the last one told."""
        people = {zone.zone.name: zone.people(t) for zone in self.zones}
        return Seen(self._tracks, (), tuple(over), people, self._sight.judge(cells, t), looked=False)

    def close(self) -> tuple[list[Crossing], list[Visit]]:
        """What the end of the pictures makes of those who are still followed."""
        ended = self._tracker.close()
        return [crossing for line in self.lines for crossing in line.end(ended)], self._visits()

    def _visits(self) -> list[Visit]:
        return [visit for zone in self.zones for visit in zone.close()]

    def _is_new(self, aspect: float, t: float) -> bool:
        return self._t is None or not 0 <= t - self._t <= _NEW_SCENE_S or abs(aspect - self._aspect) > 0.02

    def _begin(self, aspect: float) -> list[Visit]:
        """Lay lines and zones over pictures of this shape (rows / columns), with nobody followed; the visits cut short by it."""
        visits, self._tracks = self._visits(), ()
        self._aspect, self._tracker, self._gate = aspect, Tracker(), Gate(_REST_S[self._settings.view])
        lines = {name: [(x, y * aspect) for x, y in line.points] for name, line in self._settings.lines.items()}
        zones = {name: tuple((x, y * aspect) for x, y in polygon) for name, polygon in self._settings.zones.items()}
        self.lines = [LineCounter(Line(name, first, second)) for name, (first, second) in lines.items()]
        self.zones = [ZoneCounter(Zone(name, polygon)) for name, polygon in zones.items()]
        return visits
