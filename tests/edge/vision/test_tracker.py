"""The tracker: one person is one track, at any speed and rate, through blindness and beside others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.tracker import Step, Tracker

HEIGHT = 0.56


def people(*centres: tuple[float, float], width: float = 0.06, height: float = 0.15, score: float = 0.9) -> np.ndarray:
    rows = [(x - width / 2, y - height / 2, x + width / 2, y + height / 2, score) for x, y in centres]
    return np.array(rows).reshape(-1, 5)


def walk(paths: list[Callable[[float], tuple[float, float] | None]], seconds: float, fps: float, blind: range = range(0)) -> Iterator[Step]:
    """The tracker's steps while people follow `paths`; in `blind` pictures nobody is found."""
    tracker = Tracker()
    for i in range(int(seconds * fps)):
        places = [place for path in paths if (place := path(i / fps))]
        yield tracker.step(people(*([] if i in blind else places)), i / fps, HEIGHT, 1.0)


def ids(steps: Iterator[Step]) -> set[int]:
    return {track.id for step in steps for track in step.tracks}


@pytest.mark.parametrize("fps", [3, 5, 10, 25])
@pytest.mark.parametrize("speed", [0.0, 0.05, 0.12])
def test_a_walker_is_one_track(fps: float, speed: float) -> None:
    assert len(ids(walk([lambda t: (0.1 + speed * t, 0.3)], 6, fps))) == 1


@pytest.mark.parametrize("fps", [5, 10, 25])
@pytest.mark.parametrize("speed", [0.0, 0.06])
def test_a_blindness_of_a_second_and_a_half_keeps_the_track(fps: int, speed: float) -> None:
    blind = range(2 * fps, math.ceil(3.5 * fps))
    assert len(ids(walk([lambda t: (0.2 + speed * t, 0.3)], 6, fps, blind))) == 1


def test_who_was_away_for_long_is_somebody_else() -> None:
    assert len(ids(walk([lambda t: (0.2, 0.3)], 8, 10, range(20, 60)))) == 2


@pytest.mark.parametrize("fps", [5, 10, 25])
def test_two_who_pass_each_other_keep_their_tracks(fps: float) -> None:
    steps = list(walk([lambda t: (0.1 + 0.12 * t, 0.30), lambda t: (0.8 - 0.12 * t, 0.36)], 5.5, fps))
    assert len(ids(iter(steps))) == 2
    first, last = steps[int(fps)], steps[-1]
    right = {track.id for track in first.tracks if track.centre[0] < 0.5}
    assert {track.id for track in last.tracks if track.centre[0] > 0.5} == right


def test_a_weak_box_keeps_a_track_and_begins_none() -> None:
    tracker = Tracker()
    for i in range(20):
        step = tracker.step(people((0.3, 0.3), score=0.9 if i < 5 else 0.15), i / 10, HEIGHT, 1.0)
    assert [track.seen for track in step.tracks] == [1.9]
    quiet = Tracker()
    assert not any(quiet.step(people((0.3, 0.3), score=0.35), i / 10, HEIGHT, 1.0).tracks for i in range(30))


def test_one_flash_is_nobody() -> None:
    tracker = Tracker()
    steps = [tracker.step(people((0.5, 0.3)) if i == 3 else people(), i / 10, HEIGHT, 1.0) for i in range(20)]
    assert not any(step.tracks or step.ended for step in steps)


def test_two_boxes_of_one_person_are_one_track() -> None:
    tracker = Tracker()
    tracker.step(people((0.3, 0.3)), 0.0, HEIGHT, 1.0)
    for i in range(1, 20):
        step = tracker.step(people((0.3, 0.3), (0.305, 0.31)), i / 10, HEIGHT, 1.0)
    assert len(step.tracks) == 1


def test_who_walks_out_unseen_is_let_go_at_once() -> None:
    tracker = Tracker()
    ended = []
    for i in range(12):
        ended += tracker.step(people((0.8 + 0.02 * i, 0.3)) if i < 9 else people(), i / 10, HEIGHT, 1.0).ended
    assert [track.to_edge for track in ended] == [(1.0, pytest.approx(0.3, abs=0.01))]


BOXES = st.lists(st.tuples(*[st.floats(0, 1)] * 2, *[st.floats(0.01, 0.4)] * 2, st.floats(0.1, 1)), max_size=6)


@given(st.lists(st.tuples(BOXES, st.floats(0, 2)), max_size=15))
def test_whatever_comes_ids_are_never_used_twice_and_numbers_stay_finite(steps: list[tuple[list[tuple[float, ...]], float]]) -> None:
    tracker, t, ended = Tracker(), 0.0, set[int]()
    for boxes, after in steps:
        t += after
        found = np.array([(x, y, x + w, y + h, score) for x, y, w, h, score in boxes]).reshape(-1, 5)
        step = tracker.step(found, t, 1.0, 1.0)
        assert not {track.id for track in step.tracks} & ended
        ended |= {track.id for track in step.ended}
        assert len({track.id for track in step.tracks}) == len(step.tracks)
        assert all(math.isfinite(side) for track in step.tracks for side in track.box)
