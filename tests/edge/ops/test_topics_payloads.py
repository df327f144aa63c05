"""Topics: payloads as design 4.2 has them; what is not known is null, and a hand outranks what was told."""

from __future__ import annotations

from typing import Any

import msgspec

from devices.reading import Quality
from edge.branch.state import (
    Alert,
    BranchState,
    ClimateState,
    CounterState,
    DeviceState,
    DoorCount,
    FleetState,
    OccupancyState,
    People,
    PlantValue,
    QueueState,
    Reading,
    Ticket,
)
from edge.forecast.wait import Forecast, Wait
from edge.ops.topics import payloads
from edge.rules.decision import Advice
from tests.edge.branch.branches import NINE, plan


def shown(state: BranchState, forecast: Forecast | None = None, **changes: Any) -> dict[str, Any]:
    found = payloads(plan(**changes), state, forecast or Forecast(), (), NINE + 600)
    msgspec.json.encode(found)
    return dict(found)


def ticket(name: str, issued_at: float, **more: Any) -> Ticket:
    return Ticket(name, "personal", more.pop("class_", "normal"), "request", issued_at, queued_at=issued_at, **more)


def test_an_empty_branch_shows_every_topic_and_says_unknown() -> None:
    found = shown(BranchState())
    assert {topic.partition("/")[0] for topic in found} == {"queue", "counter", "occupancy", "door", "climate", "device"}
    assert found["occupancy/hall"]["people"] is None
    assert found["occupancy/hall"]["quality"] == "missing"
    assert found["climate/hall"]["temperature_c"] is None
    assert found["queue/personal"]["wait_now_s"] is None
    assert found["counter/1"]["state"] == "closed"
    assert found["device/vtm-01"]["state"] == "unknown"
    assert all(payload["t"] == "2026-11-24T09:10:00.000+08:00" for payload in found.values())


def test_a_queue_is_in_the_order_in_which_it_is_likely_called() -> None:
    tickets = {
        "A001": ticket("A001", NINE),
        "A002": ticket("A002", NINE + 100, class_="care"),
        "A003": ticket("A003", NINE + 50, inferred_gone=True),
        "A004": ticket("A004", NINE + 10, state="serving", counter="1"),
    }
    queue = QueueState(
        tickets=tickets, served_today={"personal": 4}, counters={"1": CounterState("serving", "A004", NINE), "2": CounterState("open")}
    )
    of = shown(BranchState(queue=queue), Forecast({"personal": Wait(379.6, 720.2)}))["queue/personal"]
    assert of["next"] == ["A002", "A001"], "care is put 10 minutes ahead; a ghost and one in service do not wait"
    assert (of["waiting"], of["longest_wait_s"], of["counters_open"], of["served_today"]) == (2, 600, 2, 4)
    assert of["wait_now_s"] == {"p50": 380, "p90": 720}
    assert shown(BranchState(queue=queue), authority="machine")["queue/personal"]["next"] == ["A001", "A002"]


def test_a_transferred_ticket_waits_since_its_transfer_as_its_alert_says() -> None:
    moved = msgspec.structs.replace(ticket("A001", NINE), queued_at=NINE + 540)
    assert shown(BranchState(queue=QueueState(tickets={"A001": moved})))["queue/personal"]["longest_wait_s"] == 60


def test_people_and_doors_say_how_they_are_known() -> None:
    zones = {"hall": People(12, Quality.INFERRED, ("lobby",), NINE), "counters": People(3, Quality.MISSING, ("x",), NINE)}
    occupancy = OccupancyState(zones=zones, doors={"main": DoorCount(9, 4, Quality.MEASURED)}, inside=5)
    found = shown(BranchState(occupancy=occupancy))
    assert found["occupancy/hall"] | {"t": 0} == {"people": 12, "quality": "inferred", "sources": ("lobby",), "t": 0} | {
        "sources": found["occupancy/hall"]["sources"]
    }
    assert found["occupancy/counters"]["people"] is None, "a number that is missing is not shown"
    assert found["door/main"] | {"t": 0} == {
        "in_today": 9,
        "out_today": 4,
        "inside": 5,
        "quality": "measured",
        "source": "door-beam",
        "t": 0,
    }


def test_climate_shows_the_hand_and_why_and_until() -> None:
    why = {"zh-CN": "热", "en": "warm"}
    climate = ClimateState(
        readings={
            "hall": {
                "temperature_c": Reading(26.1, Quality.INFERRED, NINE, "hall-air"),
                "co2_ppm": Reading(700, Quality.MISSING, NINE, "hall-co2"),
            }
        },
        plant={
            "hall-ac/mode": PlantValue("cool", NINE, why, NINE + 1800, outcome="confirmed"),
            "hall-ac/setpoint_c": PlantValue(25.0, NINE - 9, why, NINE + 900, hand=22.0, hand_until=NINE + 3600),
            "hall-ac/fan_pct": PlantValue(read_back=60.0),
        },
    )
    of = shown(BranchState(climate=climate))["climate/hall"]
    assert (of["temperature_c"], of["co2_ppm"], of["inferred"]) == (26.1, None, ["temperature_c"])
    assert (of["mode"], of["setpoint_c"], of["fan_pct"]) == ("cool", 22.0, 60.0)
    assert (of["why"], of["until"]) == (why, "2026-11-24T09:30:00.000+08:00")
    assert of["plant"]["setpoint_c"]["hand_until"] == "2026-11-24T10:00:00.000+08:00"
    assert of["plant"]["mode"]["hand_until"] is None
    assert of["plant"]["fan_pct"]["why"] is None


def test_devices_alerts_and_advice() -> None:
    reason = {"zh-CN": "断电", "en": "no power"}
    devices = {"vtm-01": DeviceState("offline", reason, last_seen=NINE, facts={"paper_pct": 3}, parts={"7": "offline"})}
    state = BranchState(fleet=FleetState(devices), alerts={"x": Alert("x", "major", reason, NINE, "li")})
    found = payloads(plan(), state, Forecast(), (Advice("open-2", reason, reason, NINE + 60),), NINE)
    assert found["device/vtm-01"] | {"t": 0} == {
        "state": "offline",
        "kind": "terminal",
        "reason": reason,
        "last_seen": "2026-11-24T09:00:00.000+08:00",
        "facts": {"paper_pct": 3},
        "parts": {"7": "offline"},
        "t": 0,
    }
    assert found["alert/x"]["acknowledged_by"] == "li"
    assert found["advice/open-2"]["until"] == "2026-11-24T09:01:00.000+08:00"
