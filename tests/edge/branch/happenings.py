"""What hypothesis may let happen at the branch of these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from devices.reading import Command, Outcome, Quality
from edge.branch.plan import Plan
from edge.branch.request import VERBS, RefusedError, answer
from edge.branch.standing import with_alerts, with_command, with_outcome
from edge.branch.state import BranchState
from edge.branch.step import jumped, step, tick
from edge.event import Event
from edge.rules.decision import Raised
from tests.edge.branch.branches import called, issued, occurrence, press, sample

Act = Callable[[Plan, BranchState, float], tuple[BranchState, list[Event]]]

T = TypeVar("T")


def weighted(*strategies: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of these, as often as its number says (`one_of` takes the same strategy once)."""
    return st.sampled_from([strategy for times, strategy in strategies for _ in range(times)]).flatmap(lambda strategy: strategy)


COUNTERS = st.sampled_from(["1", "2", "2", "2", "3", "9", ""])
TICKETS = st.builds("{}{:03d}".format, st.sampled_from("AAAB"), st.integers(1, 5))
KEYS = st.sampled_from(
    ["next", "next", "next", "recall", "confirm", "pause", "transfer", "no_show", "hang_up", "call_back", "ask_rating", "?"]
)
CALLS = st.sampled_from(["call", "call", "recall", "serve", "finish", "no_show", "transfer", "hold", "?"])
CLASSES = st.sampled_from(["normal", "normal", "care", "vip", "appointment", "other"])
PRINTS = st.sampled_from(["ok", "ok", "failed", "unknown"])
DEVICES = st.sampled_from(
    [
        "tickets",
        "callers",
        "door-beam",
        "lobby",
        "door-camera",
        "hall-queue",
        "hall-air",
        "hall-air-2",
        "hall-ac",
        "gateway",
        "weather",
        "?",
    ]
)
JUNK: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-5, 400) | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
)

OCCURRENCES = weighted(
    (8, st.builds(press, COUNTERS, KEYS)),
    (6, st.builds(issued, TICKETS, CLASSES)),
    (2, st.builds(lambda ticket, print_: occurrence("ticket.issued", "tickets", ticket=ticket, print=print_), TICKETS, PRINTS)),
    (4, st.builds(called, TICKETS, COUNTERS, CALLS)),
    (1, st.builds(lambda prefix: occurrence("ticket.requested", "tickets", prefix=prefix), st.sampled_from("ABZ"))),
    (1, st.builds(lambda ticket, print_: occurrence("ticket.printed", "tickets", ticket=ticket, print=print_), TICKETS, PRINTS)),
    (1, st.builds(lambda counter, rating: occurrence("rating.given", "callers", counter, rating=rating), COUNTERS, st.integers(0, 6))),
    (
        1,
        st.builds(
            lambda id_: occurrence("appointment.made", "tickets", id=id_, service="personal", from_=9e9, until=9e9 + 1),
            st.sampled_from("xy"),
        ),
    ),
    (1, st.builds(lambda id_: occurrence("appointment.checked_in", "tickets", id=id_), st.sampled_from("xyz"))),
    (
        1,
        st.builds(
            lambda kind, data: occurrence(kind, "tickets", **data),
            st.sampled_from(
                ["ticket.issued", "ticket.called", "ticket.requested", "ticket.printed", "ticket.missed", "key.pressed", "terminal.fault"]
            ),
            st.dictionaries(
                st.sampled_from(["ticket", "counter", "action", "count", "prefix", "number", "faults", "issued_at", "at", "key"]), JUNK
            ),
        ),
    ),
)
STATES = st.sampled_from(["online", "offline", "stale", "faulty", "?"])
TOTALS = st.sampled_from(["in_total", "out_total"])
SAMPLES = weighted(
    (3, st.builds(lambda device, state: sample(device, "state", state, reason={"en": state}), DEVICES, STATES)),
    (4, st.builds(sample, st.sampled_from(["door-beam", "door-camera"]), TOTALS, st.integers(0, 20))),
    (1, st.builds(sample, DEVICES, TOTALS, st.integers(0, 500))),
    (3, st.builds(lambda n: sample("lobby", "people", n, "hall"), st.integers(0, 9))),
    (3, st.builds(lambda value: sample("hall-ac", "setpoint_c", value), st.sampled_from([22.0, 24.0, 26.0]))),
    (
        2,
        st.builds(
            lambda device, quantity, value, quality: sample(device, quantity, value, quality=quality),
            DEVICES,
            st.sampled_from(["people", "waiting", "presence", "temperature_c", "co2_ppm", "setpoint_c", "in_total", "paper_pct", "state"]),
            JUNK,
            st.sampled_from(Quality),
        ),
    ),
)


def _heard(happening: Any) -> Act:
    return lambda plan, state, now: step(plan, state, happening, now)


def _asked(verb: str, arguments: dict[str, Any]) -> Act:
    def act(plan: Plan, state: BranchState, now: float) -> tuple[BranchState, list[Event]]:
        try:
            after, events, _ = answer(plan, state, verb, arguments, now)
        except RefusedError:
            return state, []
        return after, events

    return act


def _commanded(value: float, outcome: Outcome) -> Act:
    def act(plan: Plan, state: BranchState, now: float) -> tuple[BranchState, list[Event]]:
        command = Command("setpoint_c", value, device="hall-ac", why={"en": "test"}, until=now + 60)
        return with_outcome(plan, with_command(plan, state, command, now), command, outcome, "", now)

    return act


def _alerted(ids: set[str]) -> Act:
    return lambda plan, state, now: with_alerts(plan, state, [Raised(id_, "major", {"en": id_}) for id_ in sorted(ids)], now)


def _jumped(by_s: float) -> Act:
    return lambda plan, state, now: jumped(plan, state, by_s, now)


ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "counter": COUNTERS,
        "service": st.sampled_from(["personal", "corporate", "A", "?"]),
        "class": CLASSES,
        "ticket": TICKETS,
        "zone": st.sampled_from(["hall", "counters", "?"]),
        "quantity": st.sampled_from(["setpoint_c", "mode", "fan_pct", "?"]),
        "value": JUNK,
        "until": JUNK,
        "alert": st.sampled_from(["a", "b"]),
    },
)
ACTS: st.SearchStrategy[Act] = weighted(
    (12, st.builds(_heard, OCCURRENCES)),
    (5, st.builds(_heard, SAMPLES)),
    (3, st.just(tick)),
    (3, st.builds(_asked, st.sampled_from(VERBS), ARGUMENTS)),
    (1, st.builds(_commanded, st.sampled_from([22.0, 24.0, 26.0]), st.sampled_from(Outcome))),
    (1, st.builds(_alerted, st.sets(st.sampled_from("abc")))),
)
_WAITS_S = st.sampled_from([0.0, 0.25, 1.0, 1.0, 7.0, 7.0, 7.0, 31.0, 31.0, 31.0, 61.0, 61.0, 400.0])
_SLOW = st.tuples(st.sampled_from([1900.0, 30_000.0]), st.just(tick))
_JUMPS = st.builds(lambda by_s: (by_s, _jumped(by_s)), st.sampled_from([-31_536_000.0, -7200.0, -10.0, 10.0, 40_000.0, 31_536_000.0]))
STEPS: st.SearchStrategy[tuple[float, Act]] = weighted((24, st.tuples(_WAITS_S, ACTS)), (1, _SLOW))
"""Seconds that pass, and what happens then; seldom a night."""
STEPS_AND_JUMPS: st.SearchStrategy[tuple[float, Act]] = weighted((24, STEPS), (1, _JUMPS))
"""The same on a box whose clock is set now and then."""
