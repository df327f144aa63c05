"""Requests of people: what they do, and a refusal that says what to do instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge.branch.orders import orders
from edge.branch.plan import Plan
from edge.branch.request import RefusedError, answer
from edge.branch.standing import with_alerts
from edge.branch.state import BranchState
from edge.branch.step import tick
from edge.rules.decision import Raised
from tests.edge.branch.branches import NINE, SHANGHAI, plan


class Asked:
    """A branch that is asked things at seconds after nine."""

    def __init__(self, plan_: Plan | None = None) -> None:
        self.plan = plan_ or plan()
        self.state, _ = tick(self.plan, BranchState(), NINE)

    def at(self, second: float, verb: str, **arguments: Any) -> tuple[list[str], Mapping[str, Any]]:
        """Types of the events, and the answer's data."""
        before = self.state
        self.state, events, data = answer(self.plan, before, verb, {k.rstrip("_"): v for k, v in arguments.items()}, NINE + second)
        self.commands = orders(self.plan, before, self.state, events)
        return [event.type for event in events], data


def test_a_ticket_from_issue_to_the_end() -> None:
    branch = Asked()
    assert branch.at(1, "issue_ticket", service="personal", class_="care") == (
        ["ticket.issued"],
        {"ticket": "A901", "service": "personal", "printing": False},
    )
    assert branch.at(2, "call_next", counter=2) == (["counter.opened", "ticket.called"], {"ticket": "A901", "counter": "2"})
    assert branch.at(3, "recall", counter="2") == (["ticket.recalled"], {"ticket": "A901", "counter": "2"})
    assert branch.at(60, "transfer", counter="2", service="corporate")[0] == ["ticket.started", "ticket.transferred"]
    assert branch.at(61, "call_next", counter="3", ticket="A901")[0] == ["counter.opened", "ticket.called"]
    assert branch.at(62, "no_show", counter="3")[0] == ["ticket.no_show"]
    assert branch.at(63, "call_next", counter="3") == ([], {"ticket": None, "counter": "3"})
    assert branch.at(64, "pause_counter", counter="3") == (["counter.paused"], {"counter": "3", "state": "paused"})
    assert branch.at(65, "open_counter", counter="3")[0] == ["counter.opened"]
    assert branch.at(66, "close_counter", counter="3")[0] == ["counter.closed"]
    assert branch.at(67, "close_counter", counter="3")[0] == []


def test_a_ticket_is_printed_where_something_can_print() -> None:
    devices = dict(plan().devices)
    devices["tickets"] = type(devices["tickets"])("tickets", "ticket_machine", {}, quantities=("print_ticket",))
    branch = Asked(plan(devices=devices))
    assert branch.at(1, "issue_ticket", service="A")[1]["printing"]
    ((command,),) = ([c for c in branch.commands if c.quantity == "print_ticket"],)
    assert (command.device, command.part) == ("tickets", "A001")
    assert '"service_name": "个人业务"' in str(command.value)
    assert not branch.state.queue.tickets


def test_a_persons_climate_is_a_hand_and_goes_out_at_once() -> None:
    branch = Asked()
    types, data = branch.at(10, "set_climate", zone="hall", quantity="setpoint_c", value=23, until="2026-11-24T12:00:00+08:00", issuer="Li")
    assert (types, data) == (["climate.held"], {"zone": "hall", "devices": ["hall-ac"], "until": NINE + 3 * 3600})
    assert [(c.device, c.quantity, c.value, c.until) for c in branch.commands] == [("hall-ac", "setpoint_c", 23, NINE + 3 * 3600)]
    assert branch.at(20, "release_climate", zone="hall", quantity="mode")[1]["devices"] == []
    assert branch.at(21, "release_climate", zone="hall")[1]["devices"] == ["hall-ac"]
    assert branch.at(22, "set_climate", zone="hall", quantity="setpoint_c", value=23)[1]["until"] == NINE + 22 + 7200


def test_an_alert_is_acknowledged_by_name() -> None:
    branch = Asked()
    branch.state, _ = with_alerts(branch.plan, branch.state, [Raised("co2-hall", "minor", {"en": "high"})], NINE)
    assert branch.at(1, "acknowledge_alert", alert="co2-hall", by="Li")[0] == ["alert.acknowledged"]
    assert branch.state.alerts["co2-hall"].acknowledged_by == "Li"


@pytest.mark.parametrize(
    ("verb", "arguments", "says"),
    [
        ("dance", {}, "there are issue_ticket"),
        ("issue_ticket", {}, "one of personal, corporate"),
        ("issue_ticket", {"service": "personal", "class": "royal"}, "class royal is not known"),
        ("call_next", {"counter": "9"}, "one of 1, 2, 3"),
        ("call_next", {"counter": ["1"]}, r"counter \(none\) is not known"),
        ("call_next", {"counter": "1", "ticket": "A001"}, "ticket A001 is not in the queue"),
        ("recall", {"counter": "1"}, "call one first"),
        ("set_climate", {"zone": "attic"}, "one of hall, counters"),
        ("set_climate", {"zone": "hall", "quantity": "warmth"}, "cannot be commanded"),
        ("set_climate", {"zone": "hall", "quantity": "light_pct", "value": 1}, "it can be told: mode, setpoint_c"),
        ("set_climate", {"zone": "hall", "quantity": "mode"}, "say value"),
        ("set_climate", {"zone": "hall", "quantity": "mode", "value": "cool", "until": "yesterday"}, "no moment to come"),
        ("acknowledge_alert", {"alert": "x"}, "no alert x stands; there are: none"),
    ],
)
def test_a_refusal_says_what_to_do(verb: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        answer(plan(), BranchState(), verb, arguments, NINE)


def test_where_the_machine_decides_nobody_else_calls() -> None:
    with pytest.raises(RefusedError, match="call from there"):
        answer(plan("machine"), BranchState(), "call_next", {"counter": "1"}, NINE)


def test_where_the_machine_decides_nobody_else_issues_a_ticket_that_it_could_not_call() -> None:
    with pytest.raises(RefusedError, match="take one there"):
        answer(plan("machine"), BranchState(), "issue_ticket", {"service": "personal"}, NINE)


def test_all_numbers_in_use() -> None:
    branch = Asked()
    for _ in range(99):  # beside a machine that numbers by itself ours are 901 to 999
        branch.at(1, "issue_ticket", service="corporate")
    with pytest.raises(RefusedError, match="all numbers of corporate are in use"):
        branch.at(2, "issue_ticket", service="corporate")
    assert SHANGHAI is branch.plan.timezone
