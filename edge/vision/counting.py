"""Lines and zones: who crossed which way, who is where for how long; pure, from tracks.

Lengths are in picture widths, also of y, so that distances mean the same in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from edge.vision.tracker import Track

Point = tuple[float, float]
Direction = Literal["in", "out"]

_MARGIN: Final = 0.12  # of a body's size on either side of a line: inside it nobody has crossed yet
_LEAST_MARGIN: Final = 0.004  # picture widths
_CLEAR: Final = 0.25  # of the margin: so far a track that begins or ends at the line must be on its other side
_LEFT_AFTER_S: Final = 1.0  # out of a zone for so long: the visit is over
_LEAST_VISIT_S: Final = 0.5  # who only brushes a zone has not been in it
_SEEN_WITHIN_S: Final = 1.5  # who has not been seen for longer is not counted as being in a zone now


class Line(msgspec.Struct, frozen=True):
    """A line to be crossed; `in` is towards the left hand of someone who walks from `first` to `second`, as the picture is seen."""

    name: str
    first: Point
    second: Point

    def side(self, point: Point) -> float:
        """How far left of the line a point is, in picture widths; negative to its right."""
        dx, dy = self.second[0] - self.first[0], self.second[1] - self.first[1]
        # y grows downwards in a picture: the left hand of (dx, dy) is (dy, -dx)
        return ((point[0] - self.first[0]) * dy - (point[1] - self.first[1]) * dx) / (dx * dx + dy * dy) ** 0.5

    def along(self, point: Point) -> float:
        """Where along the line a point is: 0 at the first end, 1 at the second."""
        dx, dy = self.second[0] - self.first[0], self.second[1] - self.first[1]
        return ((point[0] - self.first[0]) * dx + (point[1] - self.first[1]) * dy) / (dx * dx + dy * dy)

    @property
    def length(self) -> float:
        """In picture widths."""
        return float(((self.second[0] - self.first[0]) ** 2 + (self.second[1] - self.first[1]) ** 2) ** 0.5)


class Crossing(msgspec.Struct, frozen=True):
    """Somebody crossed a line; the picture is the first in which they were on the other side."""

    line: str
    track: int
    direction: Direction
    frame: int
    t: float


class _Passage(msgspec.Struct):
    """What is known of one person at one line."""

    begun: float  # distance at which the track began
    point: Point
    side: float
    margin: float
    firm: int = 0  # the side on which they surely were last: 1 left, -1 right, 0 never sure
    through: tuple[bool, int, float] | None = None  # last change of side: between the ends?, picture, second


class LineCounter:
    """Counts at one line, once a person and crossing: whoever dithers on it, or turns back on it, is not counted."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._passages: dict[int, _Passage] = {}

    def step(self, tracks: Iterable[Track], ended: Iterable[Track], frame: int, t: float) -> list[Crossing]:
        """The crossings that became sure with this picture."""
        found = [self._moved(track, frame, t) for track in tracks if track.seen == t]
        found += [self._ended(track) for track in ended]
        return [crossing for crossing in found if crossing]

    def _moved(self, track: Track, frame: int, t: float) -> Crossing | None:
        point, side = track.centre, self.line.side(track.centre)
        margin = max(_LEAST_MARGIN, _MARGIN * track.size)
        passage = self._passages.get(track.id)
        if passage is None:
            passage = self._passages[track.id] = _Passage(side, point, side, margin)
        elif (side > 0) != (passage.side > 0):
            passage.through = (self._between(passage, point, side, margin), frame, t)
        passage.point, passage.side, passage.margin = point, side, margin
        now = 0 if abs(side) < margin else 1 if side > 0 else -1
        if now in {0, passage.firm}:
            return None
        before, passage.firm = passage.firm or _begun_on(passage), now
        return self._crossing(track, passage, now) if before == -now else None

    def _ended(self, track: Track) -> Crossing | None:
        """A track that ends at the line crossed it if it was clearly on the other side by then."""
        passage = self._passages.pop(track.id, None)
        if passage is None:
            return None
        now = 0 if abs(passage.side) < _CLEAR * passage.margin else 1 if passage.side > 0 else -1
        before = passage.firm or _begun_on(passage)
        went_far = passage.firm != 0 or abs(passage.side - passage.begun) >= passage.margin
        return self._crossing(track, passage, now) if now and before == -now and went_far else None

    def _between(self, passage: _Passage, point: Point, side: float, margin: float) -> bool:
        """Whether the path from the last point to this one meets the line between its ends."""
        part = passage.side / (passage.side - side)
        meets = (passage.point[0] + part * (point[0] - passage.point[0]), passage.point[1] + part * (point[1] - passage.point[1]))
        spare = margin / self.line.length
        return -spare <= self.line.along(meets) <= 1 + spare

    def _crossing(self, track: Track, passage: _Passage, now: int) -> Crossing | None:
        if passage.through is None or not passage.through[0]:
            return None
        return Crossing(self.line.name, track.id, "in" if now > 0 else "out", passage.through[1], passage.through[2])


def _begun_on(passage: _Passage) -> int:
    """The side on which a track began, 0 where that was on the line itself."""
    return 0 if abs(passage.begun) < _CLEAR * passage.margin else 1 if passage.begun > 0 else -1


class Zone(msgspec.Struct, frozen=True):
    """A part of the picture: a polygon, in picture widths."""

    name: str
    polygon: tuple[Point, ...]

    def holds(self, point: Point) -> bool:
        """Whether a point is inside (even-odd rule)."""
        x, y = point
        inside = False
        for (x1, y1), (x2, y2) in zip(self.polygon, (*self.polygon[1:], self.polygon[0]), strict=True):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
        return inside


class Visit(msgspec.Struct, frozen=True):
    """Somebody was in a zone; seconds of the recording or unix time."""

    zone: str
    track: int
    entered: float
    left: float

    @property
    def dwell_s(self) -> float:
        """How long they stayed."""
        return self.left - self.entered


class ZoneCounter:
    """Who is in one zone, and how long those who left had stayed."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.entries = 0  # visits that lasted long enough to be one
        self._inside: dict[int, list[float]] = {}  # track -> entered, last seen inside

    def step(self, tracks: Iterable[Track], ended: Iterable[Track], t: float) -> list[Visit]:
        """The visits that are over with this picture."""
        for track in tracks:
            if track.seen == t and self.zone.holds(track.centre):
                self._entered(track.id, t)
        gone = {track.id for track in ended}
        over = [track for track, (_, last) in self._inside.items() if track in gone or t - last > _LEFT_AFTER_S + _SEEN_WITHIN_S]
        return self._leave(over)

    def left_by(self, tracks: Sequence[Track], t: float) -> list[Visit]:
        """The visits of those who were seen outside for long enough."""
        out = [
            track.id for track in tracks if track.id in self._inside and track.seen == t and t - self._inside[track.id][1] > _LEFT_AFTER_S
        ]
        return self._leave(out)

    def people(self, t: float) -> int:
        """How many are in the zone at second `t`."""
        return sum(1 for entered, last in self._inside.values() if last - entered >= 0 and t - last <= _SEEN_WITHIN_S)

    def close(self) -> list[Visit]:
        """The visits that are cut short by the end of the recording."""
        return self._leave(list(self._inside))

    def _entered(self, track: int, t: float) -> None:
        visit = self._inside.setdefault(track, [t, t])
        was_short = visit[1] - visit[0] < _LEAST_VISIT_S
        visit[1] = t
        self.entries += was_short and t - visit[0] >= _LEAST_VISIT_S

    def _leave(self, tracks: Iterable[int]) -> list[Visit]:
        visits = [Visit(self.zone.name, track, *self._inside.pop(track)) for track in tracks]
        return [visit for visit in visits if visit.dwell_s >= _LEAST_VISIT_S]
