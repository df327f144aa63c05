"""Which ticket is next: credit, first class, services in order, first come first served, and nobody beyond the guard."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.branch.choice import credit_s, next_ticket
from edge.branch.numbering import named, next_name, parts
from edge.branch.plan import Counter
from edge.branch.state import QueueState, Ticket
from tests.edge.branch.branches import NINE, plan

PLAN = plan()
SERVICES = st.sampled_from(["personal", "corporate"])
CLASSES = st.sampled_from(["normal", "care", "vip", "appointment"])
COUNTERS = st.sampled_from(list(PLAN.counters.values()))
WINDOWS = st.none() | st.tuples(st.floats(0, 8000), st.floats(0, 8000)).map(lambda ends: (NINE + min(ends), NINE + max(ends)))


@st.composite
def queues(draw: st.DrawFn) -> QueueState:
    """Tickets in order of issue, some not waiting."""
    ages = sorted(draw(st.lists(st.integers(0, 7000), min_size=1, max_size=12)))
    tickets = [
        Ticket(
            f"A{number:03d}",
            draw(SERVICES),
            draw(CLASSES),
            "tickets",
            NINE + issued,
            state=draw(st.sampled_from(["waiting", "waiting", "waiting", "called", "held"])),
            window=draw(WINDOWS),
        )
        for number, issued in enumerate(ages, 1)
    ]
    return QueueState(tickets={ticket.name: ticket for ticket in tickets})


@given(queues(), COUNTERS, st.integers(7000, 9000))
def test_only_one_that_waits_for_the_counter_and_one_whenever_there_is(queue: QueueState, counter: Counter, second: int) -> None:
    chosen = next_ticket(PLAN, queue, counter, NINE + second)
    able = [ticket for ticket in queue.tickets.values() if ticket.state == "waiting" and ticket.service in counter.services]
    assert (chosen in able) if able else chosen is None


@given(queues(), COUNTERS, st.integers(7000, 9000))
def test_nobody_beyond_the_guard_sees_a_later_one_called(queue: QueueState, counter: Counter, second: int) -> None:
    now = NINE + second
    chosen = next_ticket(PLAN, queue, counter, now)
    assume(chosen is not None)
    assert chosen is not None
    for ticket in queue.tickets.values():
        if ticket.state == "waiting" and ticket.service in counter.services and now - ticket.issued_at > PLAN.longest_wait_guard_s:
            assert chosen.issued_at <= ticket.issued_at


@given(queues(), COUNTERS, st.integers(7000, 9000))
def test_first_come_first_served_within_a_class_and_service(queue: QueueState, counter: Counter, second: int) -> None:
    chosen = next_ticket(PLAN, queue, counter, NINE + second)
    assume(chosen is not None)
    assert chosen is not None
    for ticket in queue.tickets.values():
        same = (ticket.service, ticket.class_, ticket.window) == (chosen.service, chosen.class_, chosen.window)
        assert not (ticket.state == "waiting" and same and ticket.issued_at < chosen.issued_at)


@given(queues(), st.integers(7000, 9000))
def test_credit_puts_ahead_by_its_seconds_and_no_more(queue: QueueState, second: int) -> None:
    now, counter, unguarded = NINE + second, PLAN.counters["3"], plan(longest_wait_guard_s=float("inf"))
    chosen = next_ticket(unguarded, queue, counter, now)
    assume(chosen is not None)
    assert chosen is not None
    for ticket in queue.tickets.values():
        if ticket.state == "waiting" and ticket.service in counter.services:
            assert chosen.issued_at - credit_s(PLAN, chosen, now) <= ticket.issued_at - credit_s(PLAN, ticket, now)


def test_a_care_counter_serves_care_before_others_and_choices_come_in_order() -> None:
    tickets = [
        Ticket("B001", "corporate", "normal", "tickets", NINE),
        Ticket("A001", "personal", "normal", "tickets", NINE + 1),
        Ticket("A002", "personal", "care", "tickets", NINE + 900),
    ]
    queue, now = QueueState(tickets={ticket.name: ticket for ticket in tickets}), NINE + 1000
    called = [next_ticket(PLAN, queue, PLAN.counters[counter], now) for counter in ("1", "2", "3")]
    assert [ticket.name if ticket else None for ticket in called] == ["A002", "A001", "B001"]


ALONE = replace(PLAN, devices={})  # no ticket machine that numbers by itself


def test_beside_a_machine_that_numbers_by_itself_ours_are_apart_and_each_once_a_day() -> None:
    queue = QueueState(last_number={"A": 57})
    assert next_name(PLAN, queue, "A") == "A901"
    assert next_name(PLAN, replace(queue, last_number={"A": 58, "A apart": 901}), "A") == "A902"
    assert next_name(PLAN, replace(queue, last_number={"A apart": 999}), "A") is None


@given(st.sets(st.integers(1, 999), max_size=999), st.integers(0, 999))
def test_a_name_is_prefix_and_three_digits_and_never_one_in_use(used: set[int], last: int) -> None:
    tickets = {named("A", number): Ticket(named("A", number), "personal", "normal", "t", 0.0) for number in used}
    name = next_name(ALONE, QueueState(tickets=tickets, last_number={"A": last}), "A")
    if name is None:
        assert len(used) == 999
        return
    prefix, number = parts(name)
    assert (prefix, len(name)) == ("A", 4)
    assert number not in used
    assert number is not None
    between = range(last + 1, number) if number > last else [*range(last + 1, 1000), *range(1, number)]
    assert used.issuperset(between)


def test_when_all_numbers_are_in_use_there_is_none() -> None:
    tickets = {named("A", number): Ticket(named("A", number), "personal", "normal", "t", 0.0) for number in range(1, 1000)}
    assert next_name(ALONE, QueueState(tickets=tickets), "A") is None
    assert next_name(ALONE, QueueState(tickets=tickets), "B") == "B001"
