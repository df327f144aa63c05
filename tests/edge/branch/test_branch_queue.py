"""The queue: a ticket's life under both authorities, keys, prints, ratings, ghosts and the end of the day."""

from __future__ import annotations

from typing import Any

import pytest

from devices.reading import Command, Occurrence, Outcome, Quality, Sample
from edge.branch.orders import orders
from edge.branch.plan import Zone
from edge.branch.standing import with_outcome
from edge.branch.state import BranchState
from edge.branch.step import jumped, resume, step, tick
from edge.event import Event
from tests.edge.branch.branches import NINE, called, issued, occurrence, plan, press, sample


class Told:
    """A branch that is told things at seconds after nine."""

    def __init__(self, authority: str = "smartbranch", **changes: Any) -> None:
        self.plan = plan(authority, **changes)
        self.state, _ = tick(self.plan, BranchState(), NINE)

    def at(self, second: float, happening: Occurrence | Sample | None = None) -> list[Event]:
        """The events of a happening, or of a tick."""
        now = NINE + second
        self.state, events = step(self.plan, self.state, happening, now) if happening else tick(self.plan, self.state, now)
        return [event for event in events if not event.type.startswith(("device.", "occupancy.", "climate."))]

    def said(self, second: float, happening: Occurrence | Sample | None = None) -> list[tuple[str, str | None]]:
        """Type and ticket (or counter) of the events of a happening."""
        return [(event.type, event.data.get("ticket") or event.data.get("counter")) for event in self.at(second, happening)]


def test_a_press_of_next_finishes_and_calls() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(2, issued("A002"))
    assert branch.said(10, press("2", "next")) == [("counter.opened", "2"), ("ticket.called", "A001")]
    assert branch.said(20, press("2", "confirm")) == [("ticket.started", "A001")]
    finished, call = branch.at(140, press("2", "next"))
    assert finished.data == {"ticket": "A001", "counter": "2", "service": "personal", "wait_s": 9.0, "service_s": 120.0}
    assert (call.type, call.data["ticket"], call.data["wait_s"]) == ("ticket.called", "A002", 138.0)
    assert branch.said(200, press("2", "pause")) == [("ticket.no_show", "A002"), ("counter.paused", "2")]
    assert branch.state.queue.served_today == {"personal": 1}
    assert branch.state.queue.service_times_s == {"personal": (120.0,)}


def test_where_nobody_confirms_a_service_is_taken_to_begin_a_walk_after_the_call() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(10, press("2", "next"))
    assert branch.at(39) == []
    (started,) = branch.at(45)
    assert (started.type, started.t, started.data["inferred"]) == ("ticket.started", NINE + 40, True)
    (finished,) = branch.at(100, press("2", "next"))
    assert finished.data["service_s"] == 60.0


def test_transfer_hold_and_call_back() -> None:
    branch = Told()
    for number in (1, 2):
        branch.at(number, issued(f"A00{number}"))
    branch.at(10, press("2", "next"))
    assert branch.said(60, press("2", "transfer")) == [("ticket.started", "A001"), ("ticket.transferred", "A001")]
    assert branch.state.queue.tickets["A001"].service == "corporate"
    assert branch.said(61, press("3", "next"))[-1] == ("ticket.called", "A001")
    branch.at(70, press("2", "next"))
    assert branch.said(80, press("2", "hang_up")) == [("ticket.held", "A002")]
    assert branch.state.queue.counters["2"].state == "open"
    (again,) = branch.at(300, press("2", "call_back"))
    assert (again.type, again.data["ticket"]) == ("ticket.called", "A002")
    assert "wait_s" not in again.data
    assert branch.state.queue.tickets["A002"].wait_s == 68.0


def test_a_counter_with_one_service_has_nowhere_to_transfer_to() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(2, press("1", "next"))
    assert branch.said(40, press("1", "transfer")) == []
    assert branch.state.queue.tickets["A001"].state == "called"


def test_a_press_on_a_closed_counter_opens_it_and_pause_opens_and_closes() -> None:
    branch = Told()
    assert branch.said(1, press("1", "recall")) == [("counter.opened", "1")]
    assert branch.said(2, press("1", "pause")) == [("counter.paused", "1")]
    assert branch.said(3, press("1", "pause")) == [("counter.opened", "1")]
    assert branch.said(4, press("9", "next")) == []


def test_where_the_machine_decides_keys_do_not_double_what_it_says() -> None:
    branch = Told("machine")
    branch.at(1, issued("A001"))
    assert branch.said(9, press("1", "next")) == []
    assert branch.said(10, called("A001", "1")) == [("counter.opened", "1"), ("ticket.called", "A001")]
    assert branch.said(20, press("1", "confirm")) == [("ticket.started", "A001")]
    assert branch.said(21, called("A001", "1", "serve")) == []
    assert branch.said(99, press("1", "no_show")) == []
    assert branch.said(100, called("A001", "1", "finish")) == [("ticket.finished", "A001")]
    assert branch.said(101, called("A001", "1", "finish")) == []


def test_a_call_of_a_ticket_nobody_told_of_takes_it_in() -> None:
    branch = Told("machine")
    taken, _, call = branch.at(1, called("B077", "3"))
    assert taken.data == {"ticket": "B077", "service": "corporate", "class": "normal", "source": "unknown", "inferred": True}
    assert call.data["wait_s"] == 0.0


def test_the_machine_that_calls_another_ends_the_one_before() -> None:
    branch = Told("machine")
    branch.at(1, called("A001", "1"))
    assert branch.said(100, called("A002", "1"))[1:] == [("ticket.started", "A001"), ("ticket.finished", "A001"), ("ticket.called", "A002")]
    assert branch.said(110, called("A002", "1")) == [("ticket.recalled", "A002")]


def test_where_smartbranch_decides_a_machine_echoes_its_call() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(2, press("1", "next"))
    assert branch.said(3, called("A001", "1")) == []


def test_what_was_not_printed_counts_nowhere() -> None:
    branch = Told()
    assert branch.said(1, occurrence("ticket.issued", "tickets", ticket="A001", print="failed")) == [("ticket.print_failed", "A001")]
    assert branch.said(2, occurrence("ticket.requested", "tickets", prefix="A")) == [("ticket.requested", "A901")]
    assert not branch.state.queue.tickets
    assert branch.said(3, occurrence("ticket.printed", "tickets", ticket="A901", print="failed")) == [("ticket.print_failed", "A901")]
    branch.at(4, occurrence("ticket.requested", "tickets", prefix="A"))
    assert branch.said(5, occurrence("ticket.printed", "tickets", ticket="A902", print="ok")) == [("ticket.issued", "A902")]
    branch.at(6, occurrence("ticket.requested", "tickets", prefix="A"))
    assert branch.said(30) == []
    (late,) = branch.at(66)
    assert (late.data["ticket"], late.data["print"]) == ("A903", "unknown")
    assert branch.state.queue.issued_today == {"personal": 2}


def test_a_printer_that_is_away_prints_nothing() -> None:
    branch = Told()
    before = branch.state
    events = branch.at(1, occurrence("ticket.requested", "tickets", prefix="A"))
    (command,) = (command for command in orders(branch.plan, before, branch.state, events) if command.quantity == "print_ticket")
    state, events = with_outcome(branch.plan, branch.state, command, Outcome.FAILED, "away", NINE + 5)
    assert [event.type for event in events] == ["ticket.print_failed"]
    assert not state.queue.printing


def test_a_rating_is_of_the_ticket_at_the_counter_or_just_gone() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(2, press("1", "next"))
    rate = [occurrence("rating.given", "callers", "1", rating=rating) for rating in (5, 4, 3, 9)]
    assert branch.at(40, rate[0])[0].data == {"counter": "1", "rating": 5, "ticket": "A001"}
    branch.at(60, press("1", "next"))
    assert branch.at(90, rate[1])[0].data["ticket"] == "A001"
    assert branch.at(900, rate[2])[0].data["ticket"] is None
    assert branch.at(901, rate[3]) == []


def test_an_appointment_gets_a_ticket_that_goes_first_in_its_window() -> None:
    branch = Told()
    from_, until = NINE + 600, NINE + 1200
    branch.at(1, issued("A001"))
    branch.at(2, occurrence("appointment.made", "tickets", id="x1", service="personal", from_=from_, until=until))
    checked, ticket = branch.at(60, occurrence("appointment.checked_in", "tickets", id="x1"))
    assert checked.type == "appointment.checked_in"
    assert (ticket.type, ticket.data["ticket"], ticket.data["class"]) == ("ticket.issued", "A901", "appointment")
    assert branch.at(61, occurrence("appointment.checked_in", "tickets", id="x1")) == []
    early, in_time = Told(), Told()
    early.state = in_time.state = branch.state
    assert early.said(300, press("2", "next"))[-1] == ("ticket.called", "A001")
    assert in_time.said(700, press("2", "next"))[-1] == ("ticket.called", "A901")


def test_a_ticket_delivered_late_keeps_the_time_it_was_taken() -> None:
    branch = Told()
    (prompt,) = branch.at(100, issued("A001", issued_at=NINE + 90))
    (late,) = branch.at(1000, issued("A002", issued_at=NINE + 200))
    assert (prompt.t, late.t) == (NINE + 100, NINE + 200)
    (wrong,) = branch.at(1001, issued("A003", issued_at=NINE + 31_536_000))
    assert wrong.t == NINE + 1001


def test_tickets_overtaken_by_three_are_presumed_gone_and_then_abandoned() -> None:
    branch = Told("machine")
    for number in range(1, 6):
        branch.at(number, issued(f"A00{number}"))
    for number in (2, 3, 4):
        branch.at(60 * number, called(f"A00{number}", "1"))
    assert branch.said(241) == [("ticket.presumed_gone", "A001")]
    assert branch.state.queue.tickets["A001"].inferred_gone
    assert ("ticket.abandoned", "A001") not in branch.said(241 + 1700)
    (gone,) = (event for event in branch.at(241 + 1800) if event.type == "ticket.abandoned")
    assert gone.data["inferred"]
    assert branch.state.queue.abandoned_today == {"personal": 1}


def test_far_fewer_people_than_tickets_for_long_are_ghosts_until_they_are_seen_again() -> None:
    branch = Told()
    for number in range(1, 9):
        branch.at(number, issued(f"A00{number}"))

    def seen(people: int | None, start: int, end: int) -> None:
        for second in range(start, end, 60):
            branch.at(second, sample("lobby", "people", people, "hall"))
            branch.at(second)

    seen(None, 60, 1200)
    assert not any(ticket.inferred_gone for ticket in branch.state.queue.tickets.values())
    seen(3, 1200, 1740)
    assert not any(ticket.inferred_gone for ticket in branch.state.queue.tickets.values())
    seen(3, 1740, 1920)
    assert [name for name, ticket in branch.state.queue.tickets.items() if ticket.inferred_gone] == [f"A00{n}" for n in range(1, 6)]
    seen(8, 1920, 1980)
    assert not any(ticket.inferred_gone for ticket in branch.state.queue.tickets.values())


@pytest.mark.parametrize("hall", [{"value": None, "quality": Quality.MISSING}, {"value": 0, "quality": Quality.INFERRED}])
def test_a_hall_that_cannot_be_seen_makes_no_ghosts(hall: dict[str, Any]) -> None:
    branch = Told(zones={zone: Zone(zone, {}) for zone in ("hall", "counters", "self-service")})
    for number in range(1, 9):
        branch.at(number, issued(f"A00{number}"))
    for second in range(60, 2400, 60):
        branch.at(second, sample("lobby", "people", hall["value"], "hall", quality=hall["quality"]))
        branch.at(second, sample("door-camera", "people", 0, "self-service"))
        branch.at(second)
    assert not any(ticket.inferred_gone for ticket in branch.state.queue.tickets.values())


def test_the_day_ends_once_and_leaves_nobody_waiting() -> None:
    branch = Told()
    for number in range(1, 4):
        branch.at(number, issued(f"A00{number}"))
    branch.at(10, press("1", "next"))
    branch.at(41)
    branch.at(50, press("2", "next"))
    ended = branch.at(16 * 3600)
    assert [event.type for event in ended] == [
        "ticket.finished",
        "ticket.abandoned",
        "ticket.abandoned",
        "counter.closed",
        "counter.closed",
        "day.began",
    ]
    assert {event.t for event in ended[:-1]} == {NINE + 15 * 3600 - 0.001}
    assert branch.at(16 * 3600 + 1) == []
    assert branch.state.queue.tickets == {}
    assert branch.said(17 * 3600, occurrence("ticket.requested", "tickets", prefix="A")) == [("ticket.requested", "A901")]


@pytest.mark.parametrize("by_s", [-31_536_000.0, 31_536_000.0, -3600.0, 3600.0])
def test_a_clock_that_jumps_keeps_the_queue_and_its_waits(by_s: float) -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.state, (jump,) = jumped(branch.plan, branch.state, by_s, NINE + 60 + by_s)
    assert (jump.type, jump.data["by_s"]) == ("clock.jumped", by_s)
    assert branch.at(61 + by_s) == []
    assert branch.state.queue.tickets["A001"].issued_at == NINE + 1 + by_s
    *_, call = branch.at(70 + by_s, press("1", "next"))
    assert (call.data["ticket"], call.data["wait_s"]) == ("A001", 69.0)


def test_a_clock_that_goes_back_unnoticed_gives_no_negative_wait() -> None:
    branch = Told()
    branch.at(1000, issued("A001"))
    *_, call = branch.at(-86_400 * 3, press("1", "next"))
    assert call.data["wait_s"] == 0.0
    assert branch.state.day == "2026-11-24"


def test_a_day_that_was_wrong_ends_when_the_clock_stays_right() -> None:
    branch = Told()
    branch.at(86_400 * 365, None)
    branch.state = resume(branch.plan, [], branch.state)
    assert branch.said(10) == []
    assert branch.said(3600) == []
    assert branch.said(3611) == [("day.began", None)]
    assert branch.state.day == "2026-11-24"


def test_a_night_that_the_box_slept_through_ends_the_day() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.state, _ = jumped(branch.plan, branch.state, 22 * 3600.0, NINE + 22 * 3600)
    assert branch.said(22 * 3600 + 1) == [("ticket.abandoned", "A001"), ("day.began", None)]


def test_what_follows_a_call() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    before = branch.state
    branch.at(9, press("2", "recall"))
    events = branch.at(10, press("2", "next"))
    commands = [(c.device, c.quantity, c.value, c.part) for c in orders(branch.plan, before, branch.state, events)]
    assert commands == [
        ("callers", "ticket", "A001", "2"),
        ("callers", "beep", True, "2"),
        ("tickets", "call", '{"ticket": "A001", "counter": "2", "action": "call"}', "2"),
        ("callers", "waiting", 0, "1"),
        ("callers", "waiting", 0, "2"),
    ]
    machine = orders(plan("machine"), before, branch.state, events)
    assert {command.quantity for command in machine} == {"ticket", "beep", "waiting"}


def test_a_display_that_is_back_shows_what_it_missed() -> None:
    branch = Told()
    branch.at(1, issued("A001"))
    branch.at(2, issued("A002"))
    branch.at(3, press("2", "next"))
    before = branch.state
    back = [Event("device.online", NINE + 10, {"device": "callers", "reason": None})]
    commands = {(c.quantity, c.part): c for c in orders(branch.plan, before, before, back)}
    assert {key: command.value for key, command in commands.items()} == {
        ("waiting", "1"): 1,
        ("waiting", "2"): 1,
        ("ticket", "2"): "A001",
        ("waiting", "3"): 0,
    }
    assert isinstance(commands["ticket", "2"], Command)
