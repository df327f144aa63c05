"""Tracks: which box of this picture is the person of the last one; pure, no pictures, no clock.

Two-stage association as in ByteTrack (https://arxiv.org/abs/2110.06864): sure boxes first, then weak ones, which only
keep a track alive. A Kalman filter of constant velocity a coordinate predicts; distance in body sizes and overlap
together decide, so that it also holds at 3 pictures a second, where boxes of one person no longer overlap. Nobody is
recognised again once a track has ended.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Size = tuple[float, float]

_SURE: Final = 0.4  # score from which a box is a person
_GLIMPSED: Final = 0.2  # score from which a box may begin a track, which is nobody's until a better one follows
_CONFIRMS: Final = 0.5  # score that a track must have had once
_KEPT_S: Final = 2.0  # a person not seen for so long has gone
_TENTATIVE_S: Final = 0.7  # as above, before the track is confirmed
_CONFIRMED_AFTER_S: Final = 0.15
_ACCELERATION: Final = 1.6  # body sizes / s^2, standard deviation; people start and stop within half a second
_RESIZING: Final = 0.3  # the same of a box's width and height
_NOISE: Final = 0.08  # of a box, in body sizes
_DAMPING_S: Final = 1.0  # an unseen person's speed halves about this fast
_REACH, _REACH_A_SECOND, _LONGEST_REACH = 0.7, 1.8, 2.2  # how far off a prediction may be, in body sizes
_UNKNOWN_SPEED: Final = 1.6  # times that for a track whose speed is not known yet
_WEAK_REACH: Final = 0.6
_LARGEST_RATIO: Final = 2.2  # of areas' square roots
_DOUBLE: Final = 0.6  # overlap from which two boxes are one person
_AT_EDGE: Final = 0.012  # picture widths: a box that ends so near the picture's edge may go on beyond it
_UNCONFIRMED_COST: Final = 1.0  # who is known goes before who was only glimpsed


class Track(msgspec.Struct, frozen=True):
    """A person as far as they were followed; lengths in the unit of the boxes."""

    id: int
    box: tuple[float, float, float, float]  # x1 y1 x2 y2, filtered
    begun: float
    seen: float  # when last seen; equal to the step's time where there is a box for it
    score: float
    velocity: tuple[float, float] = (0.0, 0.0)  # of the centre, a second
    origin: tuple[float, float] = (0.0, 0.0)  # the centre where first glimpsed
    from_edge: tuple[float, float] | None = None  # the point of the picture's edge that the first box touched
    to_edge: tuple[float, float] | None = None  # the same of the last box

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        x1, y1, x2, y2 = self.box
        return (x1 + x2) / 2, (y1 + y2) / 2

    @property
    def size(self) -> float:
        """The square root of the box's area: the unit of what is near."""
        x1, y1, x2, y2 = self.box
        return math.sqrt(max(1e-9, (x2 - x1) * (y2 - y1)))


class Step(msgspec.Struct, frozen=True):
    """What one picture changed: the confirmed tracks as they stand, and those that ended."""

    tracks: tuple[Track, ...]
    ended: tuple[Track, ...]


class Tracker:
    """Follows people from picture to picture; `step` is deterministic, times may be any but not go back."""

    def __init__(self) -> None:
        self._ids = np.empty(0, np.int64)
        self._place = np.empty((0, 4))  # centre x, centre y, width, height
        self._speed = np.empty((0, 4))  # of these, a second
        self._spread = np.empty((0, 2, 3))  # variances pp, pv, vv of centre and of size, in body sizes
        self._begun, self._seen, self._score = np.empty(0), np.empty(0), np.empty(0)
        self._best, self._hits = np.empty(0), np.empty(0, np.int64)
        self._origin, self._from, self._to = np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2))  # edges: NaN where none is touched
        self._sure = np.empty(0, bool)  # confirmed: told to others
        self._next_id = 1
        self._t: float | None = None

    def step(self, boxes: NDArray[Any], t: float, height: float = np.inf, width: float = np.inf) -> Step:
        """Take the boxes (n x 5 or more: x1 y1 x2 y2 score) of the picture at second `t`; its size bounds where people can be."""
        boxes = np.asarray(boxes, np.float64)[:, :5]
        self._predict(0.0 if self._t is None else max(0.0, t - self._t))
        self._t = t
        sure, weak = boxes[boxes[:, 4] >= _SURE], boxes[boxes[:, 4] < _SURE]
        size = (width, height)
        left, new = self._match(np.arange(len(self._ids)), sure, t, size, weak=False)
        _, glimpsed = self._match(left, weak, t, size, weak=True)
        self._begin(np.concatenate((sure[new], weak[glimpsed])), t, size)
        ended = self._end(t, size)
        return Step(self._tracks(np.flatnonzero(self._sure)), ended)

    def close(self) -> tuple[Track, ...]:
        """Let go of everybody: the tracks that end with the pictures."""
        return self._tracks(np.flatnonzero(self._sure))

    def _size(self) -> Array:
        return np.sqrt(np.maximum(self._place[:, 2] * self._place[:, 3], 1e-12))

    def _predict(self, dt: float) -> None:
        """Move on by `dt`; who has not been seen slows down."""
        unseen = np.zeros(len(self._ids)) if self._t is None else self._t - self._seen
        fade = np.where(unseen > 0, np.exp(-dt / _DAMPING_S), 1.0)
        self._place += self._speed * dt
        self._place[:, 2:] = np.maximum(self._place[:, 2:], 1e-6)
        self._speed *= fade[:, None]
        pp, pv, vv = (self._spread[:, :, i] for i in range(3))
        noise = np.array([_ACCELERATION, _RESIZING]) ** 2
        grown = (pp + 2 * dt * pv + dt**2 * vv + noise * dt**4 / 4, pv + dt * vv + noise * dt**3 / 2, vv + noise * dt**2)
        self._spread = np.stack(grown, axis=2)

    def _match(self, rows: Rows, boxes: Array, t: float, size: Size, *, weak: bool) -> tuple[Rows, Rows]:
        """Give boxes to tracks, the best pairs first; which tracks and which boxes are left."""
        free_rows, free_boxes = np.ones(len(rows), bool), np.ones(len(boxes), bool)
        if len(rows) and len(boxes):
            chosen = []
            for row, box in self._pairs(rows, boxes, t, weak=weak):
                if free_rows[row] and free_boxes[box]:
                    free_rows[row] = free_boxes[box] = False
                    chosen.append((rows[row], box))
            if chosen:
                which, taken = np.array(chosen).T
                self._update(which, boxes[taken], t)
                self._to[which] = _edge(boxes[taken], size)
        return rows[free_rows], np.flatnonzero(free_boxes)

    def _pairs(self, rows: Rows, boxes: Array, t: float, *, weak: bool) -> list[tuple[int, int]]:
        """The tracks and boxes that may be the same person, the likeliest first: near in reaches, and overlapping."""
        place, size = self._place[rows], self._size()[rows]
        centres, extents = (boxes[:, :2] + boxes[:, 2:4]) / 2, np.maximum(boxes[:, 2:4] - boxes[:, :2], 1e-6)
        area = np.sqrt(extents[:, 0] * extents[:, 1])
        gap = t - self._seen[rows]
        reach = np.minimum(_REACH + _REACH_A_SECOND * gap, _LONGEST_REACH) * np.where(self._hits[rows] < 2, _UNKNOWN_SPEED, 1.0)
        if weak:
            reach = np.minimum(reach, _WEAK_REACH)
        dx, dy = (place[:, None, axis] - centres[None, :, axis] for axis in (0, 1))
        distance_squared = (dx * dx + dy * dy) / (size[:, None] * area[None, :])  # in body sizes
        first, second = np.nonzero(distance_squared < np.square(reach)[:, None])
        ratio = size[first] / area[second]
        alike = (ratio < _LARGEST_RATIO) & (ratio > 1 / _LARGEST_RATIO)
        first, second = first[alike], second[alike]
        cost = np.sqrt(distance_squared[first, second]) / reach[first] - _overlap(place[first], centres[second], extents[second])
        cost += np.where(self._sure[rows][first], 0, _UNCONFIRMED_COST)
        order = np.argsort(cost, kind="stable")
        return list(zip(first[order].tolist(), second[order].tolist(), strict=True))

    def _update(self, rows: Rows, boxes: Array, t: float) -> None:
        """The Kalman filter's correction; the gain is one for the centre and one for the size."""
        found = np.concatenate(((boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]), axis=1)
        spread = self._spread[rows]
        noise = (np.where(boxes[:, 4] < _SURE, 2, 1) * _NOISE) ** 2
        total = spread[:, :, 0] + noise[:, None]
        gain, gain_speed = spread[:, :, 0] / total, spread[:, :, 1] / total
        off = found - self._place[rows]
        self._place[rows] += np.repeat(gain, 2, axis=1) * off
        self._speed[rows] += np.repeat(gain_speed, 2, axis=1) * off
        pp, pv, vv = (spread[:, :, i] for i in range(3))
        self._spread[rows] = np.stack(((1 - gain) * pp, (1 - gain) * pv, vv - gain_speed * pv), axis=2)
        self._seen[rows], self._score[rows] = t, boxes[:, 4]
        self._best[rows] = np.maximum(self._best[rows], boxes[:, 4])
        self._hits[rows] += 1
        self._sure[rows] |= (t - self._begun[rows] >= _CONFIRMED_AFTER_S) & (self._best[rows] >= _CONFIRMS)

    def _begin(self, boxes: Array, t: float, size: Size) -> None:
        """A track for every box that is nobody's, unless it doubles somebody who has just been seen."""
        boxes = boxes[boxes[:, 4] >= _GLIMPSED]
        seen = self._place[self._seen == t]
        centres, extents = (boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]
        if len(seen) and len(boxes):
            rows, columns = np.divmod(np.arange(len(seen) * len(boxes)), len(boxes))
            alone = _overlap(seen[rows], centres[columns], extents[columns]).reshape(len(seen), -1).max(axis=0) < _DOUBLE
            boxes, centres, extents = boxes[alone], centres[alone], extents[alone]
        new = len(boxes)
        self._ids = np.concatenate((self._ids, np.arange(self._next_id, self._next_id + new)))
        self._next_id += new
        self._place = np.concatenate((self._place, np.concatenate((centres, extents), axis=1)))
        self._speed = np.concatenate((self._speed, np.zeros((new, 4))))
        self._spread = np.concatenate((self._spread, np.tile([[_NOISE**2, 0, 4.0], [_NOISE**2, 0, 0.1]], (new, 1, 1))))
        self._begun, self._seen = np.append(self._begun, np.full(new, t)), np.append(self._seen, np.full(new, t))
        self._score, self._best = np.append(self._score, boxes[:, 4]), np.append(self._best, boxes[:, 4])
        self._hits = np.append(self._hits, np.ones(new, np.int64))
        edge = _edge(boxes, size)
        self._origin = np.concatenate((self._origin, centres))
        self._from, self._to = np.concatenate((self._from, edge)), np.concatenate((self._to, edge))
        self._sure = np.append(self._sure, np.zeros(new, bool))

    def _end(self, t: float, size: Size) -> tuple[Track, ...]:
        """Let go of those not seen for too long, or who walked out of the picture unseen."""
        unseen = t - self._seen
        outside = ((self._place[:, :2] < 0) | (self._place[:, :2] > size)).any(axis=1)
        gone = (unseen > np.where(self._sure, _KEPT_S, _TENTATIVE_S)) | ((unseen > 0) & outside)
        ended = self._tracks(np.flatnonzero(gone & self._sure))
        if gone.any():
            for name in _COLUMNS:
                setattr(self, name, getattr(self, name)[~gone])
        return ended

    def _tracks(self, rows: Rows) -> tuple[Track, ...]:
        half = self._place[rows, 2:] / 2
        boxes = np.concatenate((self._place[rows, :2] - half, self._place[rows, :2] + half), axis=1)
        columns = (boxes, self._speed[rows, :2], self._origin[rows], self._from[rows], self._to[rows])
        points = zip(*(column.tolist() for column in columns), strict=True)
        numbers = zip(*(column[rows].tolist() for column in (self._ids, self._begun, self._seen, self._score)), strict=True)
        return tuple(
            Track(number, tuple(box), begun, seen, score, tuple(speed), tuple(origin), _point(came), _point(went))
            for (number, begun, seen, score), (box, speed, origin, came, went) in zip(numbers, points, strict=True)
        )


def _point(edge: list[float]) -> tuple[float, float] | None:
    return None if math.isnan(edge[0]) else (edge[0], edge[1])


_COLUMNS: Final = ("_ids", "_place", "_speed", "_spread", "_begun", "_seen", "_score", "_best", "_hits", "_sure", "_origin", "_from", "_to")


def _edge(boxes: Array, size: Size) -> Array:
    """For each box the point of the picture's edge that it touches, straight out from its centre; NaN where it touches none."""
    gaps = np.concatenate((boxes[:, :2], np.asarray(size) - boxes[:, 2:4]), axis=1)  # left, top, right, bottom
    nearest = gaps.argmin(axis=1)
    point = (boxes[:, :2] + boxes[:, 2:4]) / 2
    rows = np.arange(len(boxes))
    point[rows, nearest % 2] = np.where(nearest < 2, 0.0, np.asarray(size)[nearest % 2])
    point[gaps[rows, nearest] > _AT_EDGE] = np.nan
    return np.asarray(point)


def _overlap(place: Array, centres: Array, extents: Array) -> Array:
    """Intersection over union of each track (centre and size) with the box beside it: n."""
    shared = (place[:, 2:] + extents) / 2 - np.abs(place[:, :2] - centres)
    shared = np.maximum(np.minimum(shared, np.minimum(place[:, 2:], extents)), 0)
    inside = shared[:, 0] * shared[:, 1]
    return np.asarray(inside / (place[:, 2] * place[:, 3] + extents[:, 0] * extents[:, 1] - inside))
