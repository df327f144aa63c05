"""Ingest: ranges that are held, whatever order and cut they come in; bodies that mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.headoffice.books import Body, Mark
from edge.headoffice.ingest import same, sorted_out, with_ranges

RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=15)


def held(mark: Mark) -> set[int]:
    return {*range(1, mark.up_to + 1), *(n for first, last in mark.ahead for n in range(first, last + 1))}


def marked(ranges: list[tuple[int, int]]) -> Mark:
    mark = Mark()
    for one in ranges:
        mark = with_ranges(mark, [one])
    return mark


@given(RANGES)
def test_holds_what_came_in_any_order_and_cut(ranges: list[tuple[int, int]]) -> None:
    mark = marked(ranges)
    assert held(mark) == {n for first, last in ranges for n in range(first, last + 1)}
    assert mark == with_ranges(Mark(), ranges)
    assert mark.up_to + 1 not in held(mark)
    assert all(last + 1 < first for (_, last), (first, _) in zip(((0, mark.up_to), *mark.ahead), mark.ahead, strict=False))
    gap = mark.missing()
    assert (gap is None) == (mark.ahead == ())
    assert gap is None or not held(mark) & set(range(gap[0], gap[1] + 1))


@given(RANGES, st.integers(1, 70), st.integers(0, 15))
def test_sorts_a_batch_into_new_and_held(ranges: list[tuple[int, int]], first: int, more: int) -> None:
    mark = marked(ranges)
    fresh, known = sorted_out(mark, first, first + more)
    numbers = [n for start, end in (*fresh, *known) for n in range(start, end + 1)]
    assert sorted(numbers) == list(range(first, first + more + 1))
    assert {n for start, end in known for n in range(start, end + 1)} == held(mark) & set(numbers)


def test_an_empty_batch_is_neither() -> None:
    assert sorted_out(Mark(10), 11, 10) == ([], [])
    assert sorted_out(Mark(10), 5, 4) == ([], [])


BODY = Body("door.crossed", 1, "2026-11-24T09:31:05.000+08:00", '{"people":1,"door":"main"}')


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (BODY._replace(data='{ "door": "main", "people": 1 }'), True),
        (BODY._replace(t="2026-11-24T01:31:05Z"), True),
        (BODY._replace(data='{"people":2,"door":"main"}'), False),
        (BODY._replace(t="2026-11-24T09:31:05.001+08:00"), False),
        (BODY._replace(type="door.opened"), False),
        (BODY._replace(v=2), False),
    ],
)
def test_bodies_are_compared_by_what_they_mean(other: Body, *, is_same: bool) -> None:
    assert same(BODY, other) is is_same
