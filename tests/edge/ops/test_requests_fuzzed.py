"""Whatever is asked is done or refused, and leaves a state whose events and topics can be written: nothing comes back after a restart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.branch.request import VERBS, RefusedError
from edge.branch.state import BranchState
from edge.clock import written
from edge.core import Core
from edge.ops.topics import payloads
from tests.edge.branch.branches import NINE
from tests.edge.web.serving import plan

KEYS = ("service", "class", "counter", "ticket", "zone", "quantity", "value", "until", "alert", "id", "by", "issuer")
LIKELY = st.sampled_from(
    ["1", "hall", "personal", "setpoint_c", "mode", "cool", "A001", "normal", NINE + 60, 24.5, "2026-11-24T17:00:00+08:00"]
)
ODD = st.sampled_from([None, True, 0, -1, 2**63, 1e300, -1e300, 1e18, "", "x" * 9000, "9999-12-31T23:59:59", "0001-01-01T00:00:00", [], {}])
ASKED = st.tuples(st.sampled_from(VERBS), st.dictionaries(st.sampled_from(KEYS), LIKELY | ODD))
SETS = st.tuples(
    st.just("set_climate"),
    st.fixed_dictionaries(
        {"zone": st.just("hall"), "quantity": st.sampled_from(["setpoint_c", "mode"]), "value": LIKELY | ODD},
        optional={"until": LIKELY | ODD},
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ASKED | SETS, max_size=12))
def test_whatever_is_asked_can_be_written(asked: list[tuple[str, dict[str, Any]]]) -> None:
    of = plan()
    core = Core(of, BranchState())
    for step, (verb, arguments) in enumerate(asked):
        now = NINE + step
        try:
            done, data = core.ask(verb, arguments, now)
        except RefusedError:
            continue
        msgspec.json.encode([data, [event.data for event in done.events], [written(event.t, of.timezone) for event in done.events]])
        core.tick(now)
        msgspec.json.encode(payloads(of, core.state, core.forecast, core.advice, now))


@pytest.mark.parametrize(
    ("quantity", "value", "good"),
    [
        ("setpoint_c", 22.5, True),
        ("setpoint_c", 220, False),
        ("setpoint_c", "22", False),
        ("setpoint_c", True, False),
        ("mode", "cool", True),
        ("mode", "freeze", False),
        ("mode", 1, False),
    ],
)
def test_a_hand_sets_what_can_be_set(quantity: str, value: object, good: bool) -> None:
    core = Core(plan(), BranchState())
    arguments = {"zone": "hall", "quantity": quantity, "value": value}
    if good:
        assert core.ask("set_climate", arguments, NINE)[1]["devices"] == ["hall-ac"]
    else:
        with pytest.raises(RefusedError, match="say value"):
            core.ask("set_climate", arguments, NINE)
