"""Co-simulation: an outside model drives the branch line by line; a line that is none is answered, and all goes on."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.branch.plan import Plan
from edge.config.load import load
from edge.config.plan import plan_of
from edge.cosimulation import Cosimulation

BRANCH = """
branch: {id: model}
hours: {mon-sun: "00:00-24:00"}
zones: {hall: {cooling_kw: 10, heating_kw: 10, fresh_air_max_l_s: 300}}
services: {cash: {prefix: A}}
counters: {"1": {services: [cash]}}
devices:
  tickets: {driver: ticket_machine, link: {mqtt: bank/tickets}}
  keys: {driver: counter_bus, link: {serial: /dev/keys}, counters: {1: "1"}}
  air: {driver: mqtt_sensor, link: {mqtt: air}, quantities: [temperature_c, co2_ppm, people], zone: hall}
  ac: {driver: modbus, profile: generic-vrf, link: {tcp: "192.0.2.1:502"}, address: 1, unit: 0, zone: hall}
  fan: {driver: mqtt_actuator, link: {mqtt: zigbee2mqtt/fan}, quantity: fresh_air_pct, zone: hall}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    file = tmp_path_factory.mktemp("model") / "branch.yaml"
    file.write_text(BRANCH, encoding="utf-8")
    return plan_of(load(file))


def line(t: str, readings: list[Any] | None = None, occurrences: list[Any] | None = None) -> str:
    return json.dumps({"t": f"2026-11-24T{t}+08:00", "readings": readings or [], "occurrences": occurrences or []})


def reading(quantity: str, value: Any, device: str = "air") -> dict[str, Any]:
    return {"device": device, "quantity": quantity, "value": value}


def test_a_stuffy_full_hall_is_aired_and_a_ticket_is_called(plan: Plan) -> None:
    model = Cosimulation(plan)
    hot = [reading("temperature_c", 31.0), reading("co2_ppm", 1400), reading("people", 30)]
    first = model.answer(line("09:30:00", hot, [{"device": "tickets", "topic": "ticket", "ticket": "A001", "service": "cash"}]))
    later = model.answer(line("09:31:00", hot, [{"device": "keys", "topic": "key", "counter": "1", "key": "next"}]))
    commands = [(c["device"], c["quantity"]) for answer in (first, later) for c in answer["commands"]]
    assert {("ac", "mode"), ("ac", "setpoint_c"), ("fan", "fresh_air_pct")} <= set(commands)
    assert all(command["why"]["en"] and command["why"]["zh-CN"] for command in first["commands"])
    assert later["state"]["counter/1"]["ticket"] == "A001"
    assert "ticket.called" in [event["type"] for event in later["events"]]
    assert model.answer(line("21:30:00", hot))["state"]["device/air"]["state"] == "online"  # a model's silence is no trouble


def test_a_line_that_is_none_is_answered_with_what_it_should_be_and_changes_nothing(plan: Plan) -> None:
    model = Cosimulation(plan)
    model.answer(line("09:30:00", [reading("co2_ppm", 700)]))
    unknown, nothing = line("09:31:00", [reading("co2_ppm", 1, "none")]), line("09:31:00", [{}])
    for wrong in ("", "{", "[]", "null", '{"t": 5}', '{"t": "soon"}', '{"t": "0001-01-01T00:00:00+08:00"}', unknown, nothing):
        assert "a line is" in model.answer(wrong)["error"], wrong
    for occurrence in (
        {"device": "tickets"},
        {"topic": "ticket"},
        {"device": "tickets", "topic": "none"},
        {"device": "tickets", "topic": "ticket"},
        {"device": "keys", "topic": "rating", "counter": "1", "rating": "x"},
    ):
        assert "error" in model.answer(line("09:31:00", None, [occurrence])), occurrence
    assert model.answer(line("09:29:00"))["error"] == "t goes back, to 2026-11-24T09:29:00+08:00; simulated time only goes on"
    assert "t leaps by 31 days" in model.answer(json.dumps({"t": "2026-12-25T12:00:00+08:00"}))["error"]
    assert model.answer(line("09:30:30"))["state"]["climate/hall"]["co2_ppm"] == 700


WORDS = st.sampled_from(["A001", "1", "cash", "next"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
TOPICS = ("ticket", "call", "key", "rating", "appointment", "checkin", "fault", "heartbeat")
KEYS = ("ticket", "service", "class", "counter", "key", "action", "rating", "id", "from", "until", "faults", "issued_at", "print", "state")
FIELDS = st.fixed_dictionaries(
    {"device": st.sampled_from(["tickets", "keys", "air", "ac"]), "topic": st.sampled_from(TOPICS)},
    optional=dict.fromkeys(KEYS, ANYTHING),
)
QUANTITIES = ("temperature_c", "co2_ppm", "people", "waiting", "mode", "setpoint_c", "in_total", "state", "fault_code", "nothing")
READINGS = st.fixed_dictionaries(
    {"device": st.sampled_from(["tickets", "air", "ac"]), "quantity": st.sampled_from(QUANTITIES)},
    optional={"value": ANYTHING, "part": ANYTHING, "quality": ANYTHING, "t": ANYTHING},
)


@given(st.lists(st.tuples(st.lists(READINGS, max_size=3), st.lists(FIELDS, max_size=3)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_model_says_is_answered(plan: Plan, steps: list[tuple[list[Any], list[Any]]]) -> None:
    model = Cosimulation(plan)
    for minute, (readings, occurrences) in enumerate(steps):
        answer = model.answer(line(f"10:{minute:02d}:00", readings, occurrences))
        assert set(answer) in ({"error"}, {"t", "commands", "events", "state"})
        assert msgspec.json.decode(model.written(answer)) is not None
