"""Discovery: what Home Assistant is told names topics and verbs that exist, with templates that give what it expects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from devices.reading import Text
from edge.branch.plan import Device, Zone
from edge.branch.state import BranchState
from edge.forecast.wait import Forecast
from edge.ops.discovery import discovery, is_ours
from edge.ops.requests import VERBS
from edge.ops.topics import payloads
from tests.edge.branch.branches import NINE, plan

PLATFORMS = {"sensor", "binary_sensor", "button", "climate", "number"}


def found(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(msgspec.json.encode(discovery(plan(**changes), "0.1.0", uplink=True)))
    return told


def components(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for payload in told.values():
        yield from payload["components"].items()


def test_the_branch_each_zone_and_each_device_is_a_device() -> None:
    told = found()
    assert len(told) == 1 + 2 + 12
    for topic, payload in told.items():
        assert re.fullmatch(r"homeassistant/device/smartbranch_[a-z0-9_-]+/config", topic)
        assert is_ours("test", topic)
        assert payload["origin"]["name"] == "smartbranch"
        (identifier,) = payload["device"]["identifiers"]
        assert payload["device"].get("via_device", identifier) == "smartbranch_test"
        assert payload["availability"][0]["topic"] == "branch/test/status"
        assert payload["components"]


def test_every_component_is_whole_and_its_id_is_its_own() -> None:
    every = list(components(found()))
    ids = [component["unique_id"] for _, component in every]
    assert len(set(ids)) == len(ids)
    for _, component in every:
        assert component["platform"] in PLATFORMS
        assert component["name"]


def test_every_topic_shown_exists_and_every_verb_is_one() -> None:
    shown = {*payloads(plan(), BranchState(), Forecast(), (), NINE), "status", "uplink"}
    for _, component in components(found()):
        for key, topic in component.items():
            if key.endswith("command_topic"):
                assert topic.removeprefix("branch/test/request/") in VERBS
            elif key.endswith("_topic"):
                assert topic.removeprefix("branch/test/") in shown


def test_a_zones_plant_is_a_climate_entity_that_speaks_our_modes() -> None:
    climate = found()["homeassistant/device/smartbranch_test_zone_hall/config"]["components"]["climate"]
    assert climate["temperature_command_template"] == '{"zone": "hall", "quantity": "setpoint_c", "value": {{ value }}}'
    assert json.loads(climate["mode_command_template"].replace("{{ 'fan' if value == 'fan_only' else value }}", "fan"))["value"] == "fan"


def test_a_branch_whose_machine_decides_has_no_button_that_calls() -> None:
    assert any(key == "counter_1_next" for key, _ in components(found()))
    assert not any(key == "counter_1_next" for key, _ in components(found(authority="machine")))


def test_names_are_in_the_branchs_language_and_quotes_in_them_break_nothing() -> None:
    odd: Text = {"zh-CN": '大厅"{{', "en": "Hall"}
    told = found(zones={"hall": Zone("hall", odd)}, devices={"d": Device("d", "modbus", odd)})
    assert told["homeassistant/device/smartbranch_test_zone_hall/config"]["device"]["name"] == '大厅"{{'
    assert found(language="en")["homeassistant/device/smartbranch_test/config"]["components"]["personal_waiting"]["name"].endswith(
        "waiting"
    )


def test_another_branchs_topics_are_not_ours() -> None:
    assert not is_ours("test", "homeassistant/device/smartbranch_test-2_zone_x/config")
    assert not is_ours("test", "homeassistant/device/zigbee_1/config")
    assert is_ours("test", "homeassistant/device/smartbranch_test_device_gone/config")
