"""Co-simulation: lines of an outside model in, what the branch does and is out; a wrong line changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.cosimulation import Cosimulation
from tests.edge.branch.branches import plan


def line(t: str, **more: Any) -> str:
    return msgspec.json.encode({"t": f"2026-11-24T{t}+08:00", **more}).decode()


def beat(**fields: Any) -> dict[str, Any]:
    return {"device": "vtm-01", "topic": "heartbeat", "state": "in_service", **fields}


def test_a_morning_of_tickets_and_heat() -> None:
    branch = Cosimulation(plan())
    ticket = {"device": "tickets", "topic": "ticket", "ticket": "A012", "service": "personal", "class": "care", "seq": 1}
    hot = {"device": "hall-air", "quantity": "temperature_c", "value": 31.0}
    told = branch.answer(line("10:00:00", readings=[hot], occurrences=[ticket]))
    assert "ticket.issued" in [event["type"] for event in told["events"]]
    assert told["state"]["queue/personal"]["next"] == ["A012"]
    assert {"hall-ac"} <= {command["device"] for command in told["commands"]}
    assert all(command["why"] and command["until"] for command in told["commands"])
    pressed = {"device": "callers", "topic": "key", "counter": "1", "key": "next"}
    assert branch.answer(line("10:05:00", occurrences=[pressed]))["state"]["counter/1"]["ticket"] == "A012"


def test_a_terminals_heartbeat_says_how_it_is() -> None:
    branch = Cosimulation(plan())
    device = branch.answer(line("10:00:00", occurrences=[beat(faults=["CARD_JAM"], paper_pct=5)]))["state"]["device/vtm-01"]
    assert (device["state"], device["facts"]) == ("faulty", {"paper_pct": 5})
    well = branch.answer(line("10:01:00", occurrences=[beat(faults=[], paper_pct=80)]))
    assert well["state"]["device/vtm-01"]["state"] == "online"
    assert "alert/paper-vtm-01" not in well["state"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("garbage", "malformed"),
        (line("10:00:00", readings=[{"device": "attic", "quantity": "co2_ppm", "value": 1}]), "called 'attic'"),
        (line("10:00:00", occurrences=[{"device": "tickets", "topic": "song"}]), "'song' is not one of heartbeat, appointment"),
        (line("10:00:00", occurrences=[beat(state="tired")]), "none of in_service"),
        (line("09:00:00"), "only goes on"),
    ],
)
def test_a_wrong_line_is_an_error_and_nothing_else(wrong: str, says: str) -> None:
    branch = Cosimulation(plan())
    branch.answer(line("09:30:00"))
    answer = branch.answer(wrong)
    assert list(answer) == ["error"]
    assert says in answer["error"]
    assert "state" in branch.answer(line("10:00:00"))
