"""The core of the branch takes whatever a driver, also one from outside, may say: it never raises, and its topics can always be written."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.reading import Occurrence, Outcome, Quality, Sample
from edge.branch.state import BranchState
from edge.core import Core
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
DEVICES = st.sampled_from([*PLAN.devices, "none-such"])
QUANTITIES = st.sampled_from(
    [
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
)
SAMPLES = st.builds(
    Sample,
    QUANTITIES,
    LEAVES,
    part=st.sampled_from(["", "hall", "main", "entrance", "1", "odd"]),
    quality=st.sampled_from(list(Quality)),
    wraps_at=st.none() | st.integers(-1, 70_000),
    t=st.none() | st.floats(),
    device=DEVICES,
    received=st.just(NINE),
)
KINDS = st.sampled_from(
    [
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
)
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
DATA = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6)
OCCURRENCES = st.builds(
    Occurrence, KINDS, st.sampled_from(["", "1", "2", "odd"]), DATA, st.just("i"), st.just(1.0), t=st.none() | st.floats(), device=DEVICES
)
REQUESTS = st.tuples(
    st.sampled_from(
        ["issue_ticket", "call_next", "transfer", "open_counter", "close_counter", "set_climate", "release_climate", "acknowledge_alert"]
    ),
    st.dictionaries(st.sampled_from([*KEYS, "zone", "quantity", "value", "alert", "by"]), ANYTHING, max_size=5),
)
STEPS = st.lists(SAMPLES | OCCURRENCES | st.floats(0.5, 90_000.0), min_size=1, max_size=25)


@given(STEPS)
@settings(max_examples=1500, deadline=None)
def test_whatever_is_heard_is_taken(steps: list[Sample | Occurrence | float]) -> None:
    core, now = Core(PLAN, BranchState()), NINE
    core.tick(now)
    for step in steps:
        if isinstance(step, float):
            now += step
            done = core.tick(now)
        else:
            done = core.take(step, now)
        for command in done.commands:
            done.events.extend(core.outcome(command, Outcome.FAILED, "", now))
        msgspec.json.encode([event.data for event in done.events])
    written: dict[str, Any] = payloads(PLAN, core.state, core.forecast, core.advice, now)
    assert msgspec.json.decode(msgspec.json.encode(written))
