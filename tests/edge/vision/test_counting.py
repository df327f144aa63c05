"""Lines and zones: each who crosses is counted once, whoever dithers is not, and a mirror swaps in and out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vision.counting import Crossing, Line, LineCounter, Visit, Zone, ZoneCounter
from edge.vision.tracker import Track

Point = tuple[float, float]
ACROSS = Line("door", (0.2, 0.3), (0.8, 0.3))  # `in` is up
SIZE = 0.1


def track(point: Point, t: float, number: int = 1, **more: object) -> Track:
    half = SIZE / 2
    box = (point[0] - half, point[1] - half, point[0] + half, point[1] + half)
    return Track(number, box, 0.0, t, 0.9, **({"origin": point} | more))  # type: ignore[arg-type]


def crossed(path: Sequence[Point], line: Line = ACROSS, **more: object) -> list[str]:
    """The directions counted while one person follows `path`, a picture each 0.1 s, and then is gone."""
    counter, found, last = LineCounter(line), list[Crossing](), None
    for i, point in enumerate(path):
        last = track(point, i / 10, **({"origin": path[0]} | more))
        found += counter.step((last,), (), i, i / 10)
    found += counter.step((), (last,) if last else (), len(path), len(path) / 10)
    return [crossing.direction for crossing in found]


def straight(first: Point, second: Point, pictures: int = 20) -> list[Point]:
    steps = [i / (pictures - 1) for i in range(pictures)]
    return [(first[0] + s * (second[0] - first[0]), first[1] + s * (second[1] - first[1])) for s in steps]


@pytest.mark.parametrize(
    ("path", "directions"),
    [
        (straight((0.5, 0.5), (0.5, 0.1)), ["in"]),
        (straight((0.5, 0.1), (0.5, 0.5)), ["out"]),
        (straight((0.3, 0.5), (0.7, 0.1)), ["in"]),
        (straight((0.5, 0.5), (0.5, 0.1), 3), ["in"]),  # few pictures
        ([(0.5, 0.5), (0.5, 0.1)], ["in"]),
        (straight((0.1, 0.5), (0.1, 0.1)), []),  # past the line's end
        (straight((0.5, 0.5), (0.5, 0.32)), []),  # comes near and stops
        (straight((0.5, 0.5), (0.5, 0.298)), []),  # stops on it
        (straight((0.5, 0.5), (0.5, 0.295)) + straight((0.5, 0.295), (0.5, 0.5)), []),  # turns back on it
        (straight((0.5, 0.5), (0.5, 0.1)) + straight((0.5, 0.1), (0.5, 0.5)), ["in", "out"]),
        (straight((0.5, 0.5), (0.5, 0.293), 15) + [(0.5, 0.303), (0.5, 0.297)] * 9 + straight((0.5, 0.297), (0.5, 0.1)), ["in"]),
        (straight((0.5, 0.304), (0.5, 0.1)), ["in"]),  # is first seen just before it
        (straight((0.5, 0.5), (0.5, 0.292)), ["in"]),  # is last seen just behind it
        (straight((0.5, 0.299), (0.5, 0.1)), []),  # is first seen behind it
        (straight((0.1, 0.5), (0.1, 0.1)) + straight((0.1, 0.1), (0.5, 0.1)) + straight((0.5, 0.1), (0.5, 0.5)), ["out"]),  # around its end
        ([(0.5, 0.303), (0.5, 0.297)] * 10, []),  # stands on it
        ([(0.5, 0.4)], []),
    ],
)
def test_who_is_counted(path: list[Point], directions: list[str]) -> None:
    assert crossed(path) == directions


def test_a_track_from_the_pictures_edge_has_crossed_what_lies_between() -> None:
    low = Line("low", (0.0, 0.5), (1.0, 0.5))  # the picture ends at 0.56
    inward = straight((0.5, 0.48), (0.5, 0.3))
    assert crossed(inward, low, from_edge=(0.5, 0.56)) == ["in"]
    assert crossed(inward, low) == []
    assert crossed([(0.5, 0.48)] * 20, low, from_edge=(0.5, 0.56)) == []  # only stands there
    there_and_back = inward + inward[::-1] + straight((0.5, 0.48), (0.5, 0.52))
    assert crossed(there_and_back, low, from_edge=(0.5, 0.56)) == ["in", "out"]


def test_a_track_that_leaves_the_picture_has_crossed_what_lies_between() -> None:
    low = Line("low", (0.0, 0.5), (1.0, 0.5))
    outward = straight((0.5, 0.3), (0.5, 0.48))
    assert crossed(outward, low, to_edge=(0.5, 0.56), velocity=(0.0, 0.1)) == ["out"]
    assert crossed(outward, low, to_edge=(0.5, 0.56), velocity=(0.0, 0.0)) == []
    assert crossed(outward, low) == []


def test_a_crossing_names_the_first_picture_on_the_other_side() -> None:
    counter = LineCounter(ACROSS)
    found = [c for i, p in enumerate(straight((0.5, 0.5), (0.5, 0.1))) for c in counter.step((track(p, i / 10),), (), i + 100, i / 10)]
    assert found == [Crossing("door", 1, "in", 110, 1.0)]


PLACES = st.lists(st.tuples(st.floats(0.25, 0.75), st.floats(0.05, 0.55)), min_size=1, max_size=30)


@given(PLACES)
def test_a_mirror_swaps_in_and_out(path: list[Point]) -> None:
    mirrored = [(x, 0.6 - y) for x, y in path]
    swap = {"in": "out", "out": "in"}
    assert crossed(mirrored) == [swap[direction] for direction in crossed(path)]


@given(PLACES)
def test_turning_the_line_round_swaps_in_and_out(path: list[Point]) -> None:
    turned = Line("door", ACROSS.second, ACROSS.first)
    swap = {"in": "out", "out": "in"}
    assert crossed(path, turned) == [swap[direction] for direction in crossed(path)]


@given(PLACES)
def test_directions_alternate_and_end_where_the_path_ends(path: list[Point]) -> None:
    counted = crossed(path)
    assert all(one != other for one, other in pairwise(counted))
    if counted and abs(path[-1][1] - 0.3) > 0.02:
        assert counted[-1] == ("in" if path[-1][1] < 0.3 else "out")


@given(st.lists(st.floats(-0.01, 0.01), min_size=20, max_size=20), st.booleans())
def test_jitter_on_the_way_counts_once(jitter: list[float], up: bool) -> None:
    path = [(x, y + wobble) for (x, y), wobble in zip(straight((0.5, 0.45), (0.5, 0.15)), jitter, strict=True)]
    assert crossed(path if up else path[::-1]) == ["in" if up else "out"]


@given(st.lists(st.floats(-0.0119, 0.0119), max_size=60))
def test_jitter_on_the_line_counts_nobody_twice(jitter: list[float]) -> None:
    assert len(crossed([(0.5, 0.3 + wobble) for wobble in jitter])) <= 1


SQUARE = Zone("table", ((0.2, 0.1), (0.6, 0.1), (0.6, 0.4), (0.2, 0.4)))


@pytest.mark.parametrize(
    ("point", "inside"), [((0.3, 0.2), True), ((0.1, 0.2), False), ((0.7, 0.2), False), ((0.3, 0.5), False), ((0.3, 0.05), False)]
)
def test_what_a_zone_holds(point: Point, inside: bool) -> None:
    assert SQUARE.holds(point) is inside


def test_an_arrow_shaped_zone_holds_only_itself() -> None:
    arrow = Zone("arrow", ((0.0, 0.0), (0.5, 0.25), (0.0, 0.5), (0.2, 0.25)))
    assert arrow.holds((0.3, 0.25))
    assert not arrow.holds((0.1, 0.25))


def visited(path: Sequence[Point]) -> tuple[ZoneCounter, list[Visit]]:
    counter, visits = ZoneCounter(SQUARE), list[Visit]()
    for i, point in enumerate(path):
        visits += counter.step((track(point, i / 10),), (), i / 10)
    return counter, visits


INSIDE, OUTSIDE = (0.4, 0.2), (0.8, 0.2)


def test_dwell_is_from_between_the_pictures_to_between_the_pictures() -> None:
    counter, visits = visited([OUTSIDE] * 10 + [INSIDE] * 50 + [OUTSIDE] * 20)
    assert [visit.dwell_s for visit in visits] == [pytest.approx(5.0)]
    assert (counter.entries, counter.people(7.9)) == (1, 0)


def test_a_step_outside_is_no_leaving() -> None:
    counter, visits = visited([INSIDE] * 20 + [OUTSIDE] * 5 + [INSIDE] * 20)
    assert visits == []
    assert counter.people(4.4) == 1
    assert [visit.dwell_s for visit in counter.close()] == [pytest.approx(4.4)]
    assert counter.entries == 1


def test_who_brushes_a_zone_was_not_in_it() -> None:
    counter, visits = visited([OUTSIDE] * 5 + [INSIDE] * 2 + [OUTSIDE] * 20)
    assert (visits, counter.entries) == ([], 0)


def test_who_ends_inside_stayed_until_last_seen_and_unseen_people_are_not_counted_now() -> None:
    counter, _ = visited([INSIDE] * 30)
    assert (counter.people(2.9), counter.people(4.3), counter.people(4.5)) == (1, 1, 0)
    (visit,) = counter.step((), (track(INSIDE, 2.9),), 4.9)
    assert visit.dwell_s == pytest.approx(2.9)
