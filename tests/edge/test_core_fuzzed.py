"""The core of the branch takes whatever a driver, also one from outside, may say: it never raises, and its topics can always be written."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.reading import Occurrence, Outcome, Quality, Sample
from edge.branch.request import RefusedError
from edge.branch.state import BranchState
from edge.core import Core, Done
from edge.ops.topics import payloads
from tests.edge.branch.branches import NINE, plan

PLAN = plan()
WORDS = st.sampled_from(
    ["A001", "B002", "A", "1", "2", "personal", "care", "next", "confirm", "call", "transfer", "ok", "failed", "hall", "online"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | WORDS
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2), max_leaves=4
)
QUANTITIES = [
    "temperature_c",
    "co2_ppm",
    "people",
    "waiting",
    "presence",
    "in_total",
    "out_total",
    "state",
    "mode",
    "setpoint_c",
    "light_pct",
    "power_w",
    "odd",
]
KINDS = [
    "key.pressed",
    "rating.given",
    "ticket.issued",
    "ticket.called",
    "ticket.missed",
    "ticket.requested",
    "ticket.printed",
    "machine.restarted",
    "appointment.made",
    "appointment.checked_in",
    "terminal.fault",
    "odd.kind",
]
KEYS = [
    "key",
    "rating",
    "ticket",
    "service",
    "prefix",
    "number",
    "class",
    "print",
    "issued_at",
    "counter",
    "action",
    "count",
    "id",
    "from",
    "until",
    "faults",
]
VERBS = [
    "issue_ticket",
    "call_next",
    "transfer",
    "open_counter",
    "close_counter",
    "set_climate",
    "release_climate",
    "acknowledge_alert",
    "odd",
]
DEVICES = st.sampled_from([*PLAN.devices, "none-such"])
SAMPLES = st.builds(
    Sample,
    st.sampled_from(QUANTITIES),
    LEAVES,
    part=st.sampled_from(["", "hall", "main", "entrance", "1", "odd"]),
    quality=st.sampled_from(list(Quality)),
    wraps_at=st.none() | st.integers(-1, 70_000),
    t=st.none() | st.floats(),
    device=DEVICES,
    received=st.just(NINE),
)
OCCURRENCES = st.builds(
    Occurrence,
    st.sampled_from(KINDS),
    st.sampled_from(["", "1", "2", "odd"]),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6),
    st.just("identity"),
    st.just(1.0),
    t=st.none() | st.floats(),
    device=DEVICES,
)
REQUESTS = st.tuples(
    st.sampled_from(VERBS), st.dictionaries(st.sampled_from([*KEYS, "zone", "quantity", "value", "alert", "by"]), ANYTHING, max_size=5)
)
PAUSES = st.floats(0.5, 90_000.0)


def taken(core: Core, step: Any, now: float) -> Done:
    """What a step makes: something heard, something asked for, or a pause that is over."""
    if isinstance(step, tuple):
        try:
            return core.ask(*step, now)[0]
        except RefusedError:
            return Done([], [])
    return core.tick(now) if isinstance(step, float) else core.take(step, now)


@given(st.lists(SAMPLES | OCCURRENCES | REQUESTS | PAUSES, min_size=1, max_size=25))
@settings(max_examples=100, deadline=None)
def test_whatever_is_heard_or_asked_is_taken(steps: list[Any]) -> None:
    core, now = Core(PLAN, BranchState()), NINE
    core.tick(now)
    for step in steps:
        now += step if isinstance(step, float) else 0.0
        done = taken(core, step, now)
        for command in done.commands:
            done.events.extend(core.outcome(command, Outcome.FAILED, "", now))
        msgspec.json.encode([event.data for event in done.events])
    written = payloads(PLAN, core.state, core.forecast, core.advice, now)
    assert msgspec.json.decode(msgspec.json.encode(written))
