"""Waits: what follows from the line, what is not known, and that more people or fewer counters never shorten a wait."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.branch.plan import Counter, Hours, Plan, Service, TicketClass
from edge.branch.state import BranchState, CounterState, QueueState, Ticket
from edge.forecast.wait import Wait
from edge.forecast.waits import forecast

NOW = 1_000_000.0
STEADY = {"a": (300.0,) * 10, "b": (300.0,) * 10}


def plan_of(counters: dict[str, tuple[str, ...]], authority: str = "smartbranch") -> Plan:
    return Plan(
        "test",
        {},
        ZoneInfo("Asia/Shanghai"),
        "en",
        Hours(),
        {},
        authority,
        2400.0,
        {"a": Service("a", {}, "A"), "b": Service("b", {}, "B")},
        {"normal": TicketClass("normal", {}), "care": TicketClass("care", {}, 600.0)},
        {id_: Counter(id_, services) for id_, services in counters.items()},
        {},
        {},
    )


def line(services: str, classes: dict[int, str] | None = None) -> dict[str, Ticket]:
    """One waiting ticket a letter, issued a second apart and just now."""
    start = NOW - len(services)
    classes = classes or {}
    return {
        f"T{i}": Ticket(f"T{i}", service, classes.get(i, "normal"), "kiosk", start + i, queued_at=start + i)
        for i, service in enumerate(services)
    }


def serving(ticket: str, since_s: float) -> tuple[CounterState, Ticket]:
    begun = NOW - since_s
    return CounterState("serving", ticket, begun), Ticket(ticket, "a", "normal", "kiosk", begun - 60, "serving", "1", begun, begun)


def opened(*ids: str) -> dict[str, CounterState]:
    return {id_: CounterState("open", since=NOW) for id_ in ids}


def state_of(tickets: dict[str, Ticket], counters: dict[str, CounterState], times: dict[str, tuple[float, ...]] = STEADY) -> BranchState:
    return BranchState(queue=QueueState(tickets=tickets, counters=counters, service_times_s=times))


@pytest.mark.parametrize(
    ("services", "counters", "new_a_s"),
    [("", ("1",), 0.0), ("a", ("1",), 300.0), ("aaaa", ("1", "2"), 600.0), ("bbbb", ("1",), 0.0), ("bbbb", ("1", "2"), 0.0)],
)
def test_steady_service_is_counted_out(services: str, counters: tuple[str, ...], new_a_s: float) -> None:
    plan = plan_of({"1": ("a",), "2": ("a", "b")})
    found = forecast(plan, state_of(line(services), opened(*counters)), NOW)
    assert found.by_service["a"] == Wait(new_a_s, new_a_s)


def test_each_in_line_has_its_own_wait_and_who_is_put_ahead_a_shorter_one() -> None:
    plan = plan_of({"1": ("a",)})
    found = forecast(plan, state_of(line("aaa", {2: "care"}), opened("1")), NOW).by_ticket
    assert {name: wait.p50_s for name, wait in found.items() if wait} == {"T2": 0.0, "T0": 300.0, "T1": 600.0}


def test_who_is_served_longer_has_less_left() -> None:
    plan, times = plan_of({"1": ("a",)}), {"a": tuple(float(s) for s in range(100, 600, 10))}
    waits = []
    for since_s in (0, 100, 300, 500):
        counter, ticket = serving("T9", since_s)
        wait = forecast(plan, state_of({"T9": ticket}, {"1": counter}, times), NOW).by_service["a"]
        assert wait is not None
        waits.append(wait.p50_s)
    assert waits == sorted(waits, reverse=True)
    assert waits[0] == pytest.approx(345, abs=15)
    assert waits[-1] == pytest.approx(45, abs=15)
    counter, ticket = serving("T9", 5000)  # longer than anybody: still some time, and not nothing
    late = forecast(plan, state_of({"T9": ticket}, {"1": counter}, times), NOW).by_service["a"]
    assert late is not None
    assert 30 < late.p50_s < late.p90_s


@pytest.mark.parametrize(
    ("counters", "times", "known"),
    [
        ({}, STEADY, False),  # no counter is open
        ({"1": CounterState("closed"), "2": CounterState("paused")}, STEADY, False),
        (opened("3"), STEADY, False),  # none that is open gives the service
        (opened("1"), {}, False),  # nothing was ever seen
        (opened("1"), {"b": (300.0,)}, True),  # another service is better than nothing
    ],
)
def test_what_is_not_known_is_none(counters: dict[str, CounterState], times: dict[str, tuple[float, ...]], known: bool) -> None:
    found = forecast(plan_of({"1": ("a",), "2": ("a",), "3": ("b",)}), state_of(line("a"), counters, times), NOW)
    assert (found.by_service["a"] is not None) is known


def test_an_open_counter_that_long_leaves_people_waiting_does_not_count() -> None:
    plan = plan_of({"1": ("a",), "2": ("a",)})
    tickets = {n: replace(t, queued_at=NOW - 900, issued_at=NOW - 900) for n, t in line("aaaa").items()}
    counter, served = serving("T9", 10)
    idle = {"1": counter, "2": CounterState("open", since=NOW - 600)}
    both = {"1": counter, "2": CounterState("open", since=NOW - 10)}
    waits = [forecast(plan, state_of({**tickets, "T9": served}, counters), NOW).by_service["a"] for counters in (idle, both)]
    assert waits[0] is not None
    assert waits[1] is not None
    assert waits[0].p50_s > waits[1].p50_s


def test_who_has_gone_is_nobody_to_wait_for() -> None:
    plan = plan_of({"1": ("a",)})
    gone = {n: replace(t, inferred_gone=True) for n, t in line("aaa").items()}
    found = forecast(plan, state_of(gone, opened("1")), NOW)
    assert found.by_service["a"] == Wait(0.0, 0.0)
    assert found.by_ticket == {}


TIMES = st.lists(st.floats(20, 1800), min_size=1, max_size=30).map(lambda times: {"a": tuple(times), "b": tuple(times)})


@given(st.integers(0, 25), st.integers(1, 4), TIMES, st.sampled_from(["smartbranch", "machine"]))
def test_one_more_ahead_never_shortens_a_wait(people: int, counters: int, times: dict[str, tuple[float, ...]], authority: str) -> None:
    ids = [str(i) for i in range(counters)]
    plan = plan_of(dict.fromkeys(ids, ("a",)), authority)
    few, more = (forecast(plan, state_of(line("a" * n), opened(*ids), times), NOW).by_service["a"] for n in (people, people + 1))
    assert few is not None
    assert more is not None
    assert few.p50_s <= more.p50_s + 1e-6
    assert few.p90_s <= more.p90_s + 1e-6


@given(st.integers(0, 25), st.integers(2, 5), TIMES)
def test_one_counter_less_never_shortens_a_wait(people: int, counters: int, times: dict[str, tuple[float, ...]]) -> None:
    ids = [str(i) for i in range(counters)]
    plan = plan_of(dict.fromkeys(ids, ("a",)))
    all_open, one_less = (
        forecast(plan, state_of(line("a" * people), opened(*some), times), NOW).by_service["a"] for some in (ids, ids[1:])
    )
    assert all_open is not None
    assert one_less is not None
    assert all_open.p50_s <= one_less.p50_s + 1e-6
    assert all_open.p90_s <= one_less.p90_s + 1e-6


@given(st.text(alphabet="ab", max_size=20), TIMES)
def test_points_are_in_order_and_the_same_state_gives_the_same(services: str, times: dict[str, tuple[float, ...]]) -> None:
    plan = plan_of({"1": ("a", "b"), "2": ("b",)})
    state = state_of(line(services), opened("1", "2"), times)
    found = forecast(plan, state, NOW)
    assert found == forecast(plan, state, NOW)
    for wait in (*found.by_service.values(), *found.by_ticket.values()):
        assert wait is not None
        assert 0.0 <= wait.p50_s <= wait.p90_s
