"""The fold: whatever happens, the events alone give the same queue, doors, devices, alerts and hands; also read back from disk."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.branch.durable import durable
from edge.branch.fold import apply
from edge.branch.state import BranchState
from edge.branch.step import resume, tick
from edge.clock import written
from edge.event import Event
from tests.edge.branch.branches import NINE, SHANGHAI, plan
from tests.edge.branch.happenings import STEPS, STEPS_AND_JUMPS, Act


def as_kept(event: Event) -> Event:
    """The event as the store gives it back: its moment as text to the millisecond, its data through JSON."""
    t = datetime.fromisoformat(written(event.t, SHANGHAI)).timestamp()
    return Event(event.type, t, msgspec.json.decode(msgspec.json.encode(event.data)), event.v)


@pytest.mark.parametrize("authority", ["machine", "smartbranch"])
@given(st.lists(STEPS_AND_JUMPS, min_size=20, max_size=60))
def test_a_state_is_the_fold_of_its_events(authority: str, acts: list[tuple[float, Act]]) -> None:
    branch, now = plan(authority), NINE
    state, kept = tick(branch, BranchState(), now)
    for wait_s, act in acts:
        now += wait_s
        before = state
        state, events = act(branch, before, now)
        folded = before
        for event in events:
            folded = apply(branch, folded, event)
        assert durable(folded) == durable(state)
        kept += events
    assert durable(resume(branch, map(as_kept, kept))) == durable(state)
    began = max((index for index, event in enumerate(kept) if event.type == "day.began"), default=0)
    assert durable(resume(branch, map(as_kept, kept[began:]))) == durable(state)


@given(st.lists(STEPS, min_size=20, max_size=60))
def test_a_carried_state_and_its_day_again_give_the_same(acts: list[tuple[float, Act]]) -> None:
    branch, now = plan(), NINE
    carried, state, of_day = BranchState(), BranchState(), list[Event]()
    for wait_s, act in [(0.0, tick), *acts]:
        now += wait_s
        before = state
        state, events = tick(branch, state, now)
        if state.day != before.day:
            began = next(index for index, event in enumerate(events) if event.type == "day.began")
            carried, events = msgspec.json.decode(msgspec.json.encode(state), type=BranchState), events[began:]
            of_day = []
        of_day += events
        state, events = act(branch, state, now)
        of_day += events
    assert durable(resume(branch, map(as_kept, of_day), carried)) == durable(state)
