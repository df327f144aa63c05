"""Lines and zones: who crossed which way, who is where for how long; pure, from tracks.

Lengths are in picture widths, also of y, so that distances mean the same in both directions.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from edge.vision.tracker import Track

Point = tuple[float, float]
Direction = Literal["in", "out"]

_MARGIN: Final = 0.12  # of a body's size on either side of a line: inside it nobody has crossed yet
_LEAST_MARGIN: Final = 0.004  # picture widths
_CLEAR: Final = 0.25  # of the margin: so far a track that begins or ends at the line must be on its other side
_COME_AWAY: Final = 2.0  # margins that a track from the picture's edge must have come
_LEAVING: Final = 0.3  # body sizes a second
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
        return ((point[0] - self.first[0]) * dy - (point[1] - self.first[1]) * dx) / math.hypot(dx, dy)

    def along(self, point: Point) -> float:
        """Where along the line a point is: 0 at the first end, 1 at the second."""
        dx, dy = self.second[0] - self.first[0], self.second[1] - self.first[1]
        return ((point[0] - self.first[0]) * dx + (point[1] - self.first[1]) * dy) / (dx * dx + dy * dy)

    @property
    def length(self) -> float:
        """In picture widths."""
        return math.dist(self.first, self.second)


class Crossing(msgspec.Struct, frozen=True):
    """Somebody crossed a line; the picture is the first in which they were on the other side."""

    line: str
    track: int
    direction: Direction
    frame: int
    t: float


class _Passage(msgspec.Struct):
    """What is known of one person at one line."""

    begun: float  # distance at which the track began, or where it came into the picture
    point: Point
    side: float
    margin: float
    came_in: bool = False  # away from the picture's edge, where someone may only stand
    firm: int = 0  # the side on which they surely were last: 1 left, -1 right, 0 never sure
    through: tuple[bool, int, float] | None = None  # last change of side: between the ends?, picture, second


class LineCounter:
    """Counts at one line, once a person and crossing: whoever dithers on it, or turns back on it, is not counted."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._passages: dict[int, _Passage] = {}
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)  # second and picture

    def step(self, tracks: Iterable[Track], ended: Iterable[Track], frame: int, t: float) -> list[Crossing]:
        """The crossings that became sure with this picture, number `frame` at second `t`."""
        self._recent.append((t, frame))
        found = [self._moved(track, frame, t) for track in tracks if track.seen == t]
        return [crossing for crossing in found if crossing] + self.end(ended)

    def end(self, ended: Iterable[Track]) -> list[Crossing]:
        """The crossings of tracks that end where they are."""
        found = [self._ended(track) for track in ended]
        return [crossing for crossing in found if crossing]

    def _moved(self, track: Track, frame: int, t: float) -> Crossing | None:
        point, side = track.centre, self.line.side(track.centre)
        margin = max(_LEAST_MARGIN, _MARGIN * track.size)
        passage = self._passages.get(track.id)
        if passage is None:
            passage = self._passages[track.id] = self._begin(track, margin)
        self._pass(passage, point, frame, t)
        passage.margin = margin
        now = 0 if abs(side) < margin else 1 if side > 0 else -1
        passage.came_in = passage.came_in or not _stands_at_edge(track, margin)
        if now in {0, passage.firm} or not passage.came_in:
            return None
        before, passage.firm = passage.firm or _clear_side(passage.begun, margin), now
        return self._crossing(track, passage, now) if before == -now else None

    def _begin(self, track: Track, margin: float) -> _Passage:
        """What went before the first picture that tells of a track: from the picture's edge, if it came from there, to its origin."""
        first = track.from_edge or track.origin
        passage = _Passage(self.line.side(first), first, self.line.side(first), margin)
        self._pass(passage, track.origin, self._picture_at(track.begun), track.begun)
        return passage

    def _pass(self, passage: _Passage, point: Point, frame: int, t: float) -> None:
        """Follow the path to `point`, and note where it changes the side."""
        side = self.line.side(point)
        if (side > 0) != (passage.side > 0):
            passage.through = (self._between(passage, point, side), frame, t)
        passage.point, passage.side = point, side

    def _ended(self, track: Track) -> Crossing | None:
        """A track that ends at the line crossed it if it was clearly on the other side by then, or left the picture across it."""
        passage = self._passages.pop(track.id, None)
        if passage is None or not passage.came_in:
            return None
        if track.to_edge and _leaves(track, track.to_edge):
            self._pass(passage, track.to_edge, self._picture_at(track.seen), track.seen)
        now = _clear_side(passage.side, passage.margin)
        before = passage.firm or _clear_side(passage.begun, passage.margin)
        went_far = passage.firm != 0 or abs(passage.side - passage.begun) >= passage.margin
        return self._crossing(track, passage, now) if now and before == -now and went_far else None

    def _picture_at(self, t: float) -> int:
        """The number of the picture of second `t`, the oldest remembered where that is longer ago."""
        return next((frame for at, frame in self._recent if at >= t), self._recent[-1][1] if self._recent else 0)

    def _between(self, passage: _Passage, point: Point, side: float) -> bool:
        """Whether the path from the last point to this one meets the line between its ends."""
        part = passage.side / (passage.side - side)
        meets = (passage.point[0] + part * (point[0] - passage.point[0]), passage.point[1] + part * (point[1] - passage.point[1]))
        spare = passage.margin / self.line.length
        return -spare <= self.line.along(meets) <= 1 + spare

    def _crossing(self, track: Track, passage: _Passage, now: int) -> Crossing | None:
        if passage.through is None or not passage.through[0]:
            return None
        return Crossing(self.line.name, track.id, "in" if now > 0 else "out", passage.through[1], passage.through[2])


def _clear_side(side: float, margin: float) -> int:
    """The side of a line, 0 where that is the line itself."""
    return 0 if abs(side) < _CLEAR * margin else 1 if side > 0 else -1


def _stands_at_edge(track: Track, margin: float) -> bool:
    """Whether a track began at the picture's edge and has not come away from it yet: it may be someone who only stands there."""
    if track.from_edge is None:
        return False
    inward = (track.origin[0] - track.from_edge[0], track.origin[1] - track.from_edge[1])
    return _towards((track.centre[0] - track.origin[0], track.centre[1] - track.origin[1]), inward) < _COME_AWAY * margin


def _leaves(track: Track, edge: Point) -> bool:
    """Whether a track was moving out of the picture when it was last seen."""
    outward = (edge[0] - track.centre[0], edge[1] - track.centre[1])
    return _towards(track.velocity, outward) > _LEAVING * track.size


def _towards(vector: Point, direction: Point) -> float:
    """How far a vector goes in a direction."""
    length = math.hypot(*direction)
    return (vector[0] * direction[0] + vector[1] * direction[1]) / length if length else 0.0


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


class _Stay(msgspec.Struct):
    """Somebody's being in a zone: came in between two pictures, and so out."""

    entered: float
    last: float  # seen inside
    left: float | None = None  # set while they are outside, until it is long enough to be a leaving
    outside: float | None = None  # last seen outside since

    def out_for(self, t: float) -> float:
        """How long they have been seen outside."""
        return 0.0 if self.left is None or self.outside != t else t - self.left


class ZoneCounter:
    """Who is in one zone, and how long those who left had stayed."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.entries = 0  # visits that lasted long enough to be one
        self._stays: dict[int, _Stay] = {}
        self._outside: dict[int, float] = {}  # track -> when last seen outside

    def step(self, tracks: Iterable[Track], ended: Iterable[Track], t: float) -> list[Visit]:
        """The visits that are over with this picture."""
        gone = {track.id for track in ended}
        for track in tracks:
            if track.seen == t:
                self._saw(track.id, self.zone.holds(track.centre), t)
        over = [track for track, stay in self._stays.items() if track in gone or stay.out_for(t) > _LEFT_AFTER_S]
        for ended_track in gone:
            self._outside.pop(ended_track, None)
        return self._leave(over)

    def people(self, t: float) -> int:
        """How many are in the zone at second `t`."""
        return sum(1 for stay in self._stays.values() if stay.left is None and t - stay.last <= _SEEN_WITHIN_S)

    def close(self) -> list[Visit]:
        """The visits that are cut short by the end of the recording."""
        return self._leave(list(self._stays))

    def _saw(self, track: int, inside: bool, t: float) -> None:
        stay = self._stays.get(track)
        if not inside:
            self._outside[track] = t
            if stay and stay.left is None:
                stay.left = (stay.last + t) / 2
            if stay:
                stay.outside = t
            return
        if stay is None:
            stay = self._stays[track] = _Stay((self._outside.get(track, t) + t) / 2, t)
        was_short = stay.last - stay.entered < _LEAST_VISIT_S
        stay.last, stay.left, stay.outside = t, None, None
        self.entries += was_short and t - stay.entered >= _LEAST_VISIT_S

    def _leave(self, tracks: Iterable[int]) -> list[Visit]:
        stays = [(track, self._stays.pop(track)) for track in tracks]
        visits = [Visit(self.zone.name, track, stay.entered, stay.left or stay.last) for track, stay in stays]
        return [visit for visit in visits if visit.dwell_s >= _LEAST_VISIT_S]
