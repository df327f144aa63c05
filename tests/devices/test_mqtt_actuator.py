"""MQTT actuators: what goes out for a command, and that only the device's own word confirms it."""

from __future__ import annotations

import json
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.links.lines import Lines
from devices.links.seat import Message
from devices.mqtt_actuator import Actuator, Settings, run
from devices.reading import Outcome, Quality
from devices.wire.presets import PRESETS
from tests.devices.fakes import FakeBranch, FakeMqtt, running
from tests.devices.modbus_slave import WiredBranch


def settings(topic: str, **more: Any) -> Settings:
    return Settings.model_validate({"link": {"mqtt": topic}, "confirm_s": 5, **more})


BY_HAND = {"set": "plant/light/set", "state": "plant/light", "quantity": "light_pct", "key": "/brightness", "scale": 2.54}
FAN = settings("zigbee2mqtt/hall-fan", quantity="fresh_air_pct")


@pytest.mark.parametrize(
    ("found", "quantity", "value", "out", "state"),
    [
        (
            settings("plant/light", **BY_HAND),
            "light_pct",
            50,
            ("plant/light/set", {"brightness": 127}),
            ("plant/light", '{"brightness": 127}'),
        ),
        (FAN, "fresh_air_pct", 40.0, ("zigbee2mqtt/hall-fan/set", {"percentage": 40}), ("zigbee2mqtt/hall-fan", '{"percentage": 40}')),
        (
            settings("zigbee2mqtt/l", quantity="light_pct"),
            "light_pct",
            100,
            ("zigbee2mqtt/l/set", {"brightness": 254}),
            ("zigbee2mqtt/l", '{"state": "ON", "brightness": 254}'),
        ),
        (
            settings("zigbee2mqtt/l", quantity="light_pct"),
            "light_pct",
            0,
            ("zigbee2mqtt/l/set", {"brightness": 0}),
            ("zigbee2mqtt/l", '{"state": "OFF", "brightness": 254}'),
        ),
        (
            settings("zigbee2mqtt/b", quantity="blind_pct"),
            "blind_pct",
            30,
            ("zigbee2mqtt/b/set", {"position": 30}),
            ("zigbee2mqtt/b", '{"position": 31}'),
        ),
        (
            settings("zigbee2mqtt/s", quantity="relay"),
            "relay",
            True,
            ("zigbee2mqtt/s/set", {"state": "ON"}),
            ("zigbee2mqtt/s", '{"state": "ON"}'),
        ),
        (
            settings("l", preset="tasmota", quantity="light_pct"),
            "light_pct",
            56,
            ("cmnd/l/Dimmer", 56),
            ("stat/l/RESULT", '{"POWER":"ON","Dimmer":56}'),
        ),
        (settings("s", preset="tasmota", quantity="relay"), "relay", False, ("cmnd/s/POWER", "OFF"), ("stat/s/RESULT", '{"POWER":"OFF"}')),
        (
            settings("ac", preset="home-assistant", quantities=["mode", "setpoint_c", "fan_pct"]),
            "mode",
            "fan",
            ("ac/mode/set", "fan_only"),
            ("ac/mode/state", "fan_only"),
        ),
        (
            settings("ac", preset="home-assistant", quantities=["mode", "setpoint_c", "fan_pct"]),
            "setpoint_c",
            25.5,
            ("ac/temperature/set", 25.5),
            ("ac/temperature/state", "25.5"),
        ),
        (settings("ac", preset="home-assistant", quantity="fan_pct"), "fan_pct", 50, ("ac/fan/set", "medium"), ("ac/fan/state", "medium")),
        (
            settings("r", set="r/set", state="r/state", quantity="relay", word_on="open", word_off="shut"),
            "relay",
            True,
            ("r/set", "open"),
            ("r/state", "open"),
        ),
        (settings("r", set="r/set", state="r/state", quantity="relay"), "relay", False, ("r/set", False), ("r/state", "false")),
    ],
)
async def test_what_goes_out_and_what_confirms_it(
    found: Settings, quantity: str, value: Any, out: tuple[str, Any], state: tuple[str, str]
) -> None:
    link = FakeMqtt(Message, found.link.mqtt)
    branch = FakeBranch(link)
    async with running(lambda: run(found, branch)):
        branch.tell(quantity, value)
        await branch.until(lambda: link.published)
        assert branch.outcomes == []
        link.say(*state)
        await branch.until(lambda: branch.outcomes)
    (topic, payload) = link.published[0]
    assert topic == out[0]
    assert payload.decode() == out[1] if isinstance(out[1], str) else json.loads(payload) == out[1]
    assert branch.outcomes[0][1] is Outcome.CONFIRMED
    assert len(link.acknowledged) == 1
    assert branch.latest(quantity).quality is Quality.MEASURED


async def test_a_shelly_is_asked_how_it_stands_since_it_notifies_only_changes() -> None:
    found = settings("shellyplus-1", preset="shelly-gen2", quantity="light_pct")
    link = FakeMqtt(Message, "shellyplus-1")
    branch = FakeBranch(link)
    async with running(lambda: run(found, branch)):
        branch.tell("light_pct", 50)
        await branch.until(lambda: len(link.published) == 2)
        link.say("shellyplus-1/smartbranch/rpc", '{"id": 1, "src": "shellyplus-1", "result": {"was_on": false}}')
        link.say("shellyplus-1/events/rpc", '{"method": "NotifyStatus", "params": {"light:0": {"output": true}}}')
        link.say("shellyplus-1/smartbranch/rpc", '{"id": 2, "result": {"id": 0, "output": true, "brightness": 50}}')
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.CONFIRMED
    assert [json.loads(payload) for _, payload in link.published] == [
        {"id": 1, "src": "shellyplus-1/smartbranch", "method": "Light.Set", "params": {"id": 0, "on": True, "brightness": 50}},
        {"id": 2, "src": "shellyplus-1/smartbranch", "method": "Light.GetStatus", "params": {"id": 0}},
    ]
    assert len(link.acknowledged) == 3


async def test_a_device_that_says_otherwise_is_not_confirmed() -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    found = FAN.model_copy(update={"confirm_s": 0.1})
    async with running(lambda: run(found, branch)):
        branch.tell("fresh_air_pct", 40)
        link.say("zigbee2mqtt/hall-fan", '{"percentage": 40}', retained=True)  # from before the command
        await branch.until(lambda: link.published)
        link.say("zigbee2mqtt/hall-fan", '{"percentage": 10}')
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
    assert "to be 40" in branch.outcomes[0][2]
    assert "says 10" in branch.outcomes[0][2]
    assert branch.latest("fresh_air_pct").value == 10


async def test_a_device_that_says_nothing_is_not_confirmed_and_doubted_until_it_speaks() -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    found = FAN.model_copy(update={"confirm_s": 0.05})
    async with running(lambda: run(found, branch)):
        branch.tell("fresh_air_pct", 40)
        await branch.until(lambda: branch.outcomes)
        assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
        assert branch.states() == ["stale"]
        assert "zigbee2mqtt/hall-fan" in branch.reason()
        link.say("zigbee2mqtt/hall-fan", '{"percentage": 10}')
        await branch.until(lambda: branch.states() == ["stale", "online"])


async def test_one_without_a_state_topic_is_sent() -> None:
    link = FakeMqtt(Message, "r")
    branch = FakeBranch(link)
    async with running(lambda: run(settings("r", set="r/set", quantity="volume_pct"), branch)):
        branch.tell("volume_pct", 30)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.SENT
    assert link.filters == []


async def test_with_the_broker_away_a_command_fails_and_the_next_one_works() -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    async with running(lambda: run(FAN, branch)):
        link.away = True
        branch.tell("fresh_air_pct", 40)
        await branch.until(lambda: branch.outcomes)
        link.away = False
        branch.tell("fresh_air_pct", 50)
        await branch.until(lambda: link.published)
        link.say("zigbee2mqtt/hall-fan", '{"percentage": 50}')
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.FAILED, Outcome.CONFIRMED]


@pytest.mark.parametrize(
    ("quantity", "value", "more", "outcome"),
    [
        ("fresh_air_pct", 140, {}, Outcome.REFUSED),
        ("fresh_air_pct", "much", {}, Outcome.REFUSED),
        ("fresh_air_pct", float("nan"), {}, Outcome.REFUSED),
        ("light_pct", 40, {}, Outcome.REFUSED),
        ("fresh_air_pct", 40, {"until": 1.0}, Outcome.EXPIRED),
    ],
)
async def test_what_it_cannot_do_is_not_published(quantity: str, value: Any, more: dict[str, Any], outcome: Outcome) -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    async with running(lambda: run(FAN, branch)):
        branch.tell(quantity, value, **more)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is outcome
    assert link.published == []


@pytest.mark.parametrize("payload", ["", "{", "[]", '{"percentage": "40"}', '{"percentage": 900}', "😀" * 200])
async def test_garbage_on_its_state_is_told_once_acknowledged_and_confirms_nothing(payload: str) -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    found = FAN.model_copy(update={"confirm_s": 0.1})
    async with running(lambda: run(found, branch)):
        branch.tell("fresh_air_pct", 40)
        await branch.until(lambda: link.published)
        link.say("zigbee2mqtt/hall-fan", payload)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
    assert len(link.acknowledged) == 1


async def test_a_hand_at_the_switch_is_a_sample() -> None:
    link = FakeMqtt(Message, "zigbee2mqtt/hall-fan")
    branch = FakeBranch(link)
    async with running(lambda: run(FAN, branch)):
        link.say("zigbee2mqtt/hall-fan", '{"percentage": 80}')
        await branch.until(lambda: branch.latest("fresh_air_pct"))
    assert branch.latest("fresh_air_pct").value == 80
    assert branch.outcomes == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "one `quantity`"),
        ({"quantity": "fresh_air_pc"}, "did you mean 'fresh_air_pct'"),
        ({"quantity": "co2_ppm"}, "cannot be commanded"),
        ({"quantity": "light_pct"}, "`set` and `state`, or a `preset`"),
        ({"quantity": "light_pct", "state": "x"}, "the topic `set`"),
        ({"quantity": "light_pct", "set": "x", "preset": "tasmota"}, "without a preset"),
        ({"quantity": "light_pct", "set": "x", "scale": 0}, "scale of 0"),
        ({"quantity": "playlist", "preset": "tasmota"}, "cannot set playlist"),
        ({"quantity": "light_pct", "preset": "zigbee"}, "did you mean 'zigbee2mqtt'"),
        ({"quantity": "light_pct", "quantities": ["relay"], "preset": "tasmota"}, "one `quantity`"),
    ],
)
def test_settings_that_cannot_be(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings("plant/x", **written)


def test_what_it_can_be_told() -> None:
    assert FAN.commanded() == ("fresh_air_pct",)
    assert settings("ac", preset="home-assistant", quantities=["mode", "setpoint_c"]).commanded() == ("mode", "setpoint_c")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_quantity_that_a_preset_sets_is_read_back(preset: Any) -> None:
    assert preset.targets.keys() <= preset.sources.keys()


async def test_over_a_real_broker(mosquitto: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, aiomqtt.Client("127.0.0.1", mosquitto.port) as device:
        await device.subscribe("zigbee2mqtt/hall-fan/set", qos=1)
        branch = WiredBranch(lines, opened=False)
        async with running(lambda: run(FAN, branch)):
            await device.publish("zigbee2mqtt/hall-fan", b'{"percentage": 0}', qos=1, retain=True)
            await branch.until(lambda: branch.latest("fresh_air_pct"))
            branch.tell("fresh_air_pct", 60)
            told = await anext(aiter(device.messages))
            await device.publish("zigbee2mqtt/hall-fan", told.payload, qos=1, retain=True)
            await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.CONFIRMED
    assert branch.latest("fresh_air_pct").value == 60


@given(st.binary(max_size=300), st.sampled_from(["zigbee2mqtt/hall-fan", "zigbee2mqtt/hall-fan/availability", "elsewhere"]))
async def test_no_payload_breaks_it(payload: bytes, topic: str) -> None:
    branch = FakeBranch()
    actuator = Actuator(FAN, branch, FakeMqtt(Message))
    await actuator.hear(Message(topic, payload))
    assert all(sample.quality is Quality.MISSING for sample in branch.samples if sample.quantity != "state")
