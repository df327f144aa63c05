"""MQTT sensors: every form a value may have, what is none told with its reason, and each message acknowledged once."""

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
from devices.mqtt_sensor import Sensor, Settings, run
from devices.reading import Quality, Sample
from tests.devices.fakes import FakeBranch, FakeMqtt, running
from tests.devices.modbus_slave import WiredBranch


def settings(topic: str = "sensors/x", quantities: Any = ("temperature_c",), **more: Any) -> Settings:
    found = list(quantities) if isinstance(quantities, tuple) else quantities
    return Settings.model_validate({"link": {"mqtt": topic}, "quantities": found, **more})


async def heard(found: Settings, *messages: Message) -> FakeBranch:
    """A branch that heard what a sensor says of `messages`."""
    branch = FakeBranch()
    sensor = Sensor(found, branch)
    for message in messages:
        await sensor.hear(message)
    return branch


def values(branch: FakeBranch) -> dict[str, object]:
    return {sample.quantity: sample.value for sample in branch.samples if sample.quantity != "state"}


@pytest.mark.parametrize(
    ("quantities", "payload", "found"),
    [
        (("waiting",), b"7", {"waiting": 7}),
        (("waiting",), b'{"waiting": 7}', {"waiting": 7}),
        (("temperature_c",), b" 21.5\n", {"temperature_c": 21.5}),
        (("door_open",), b"true", {"door_open": True}),
        (("mode",), b"cool", {"mode": "cool"}),
        (
            ("temperature_c", "relative_humidity_pct", "solar_w_m2"),
            b'{"temperature_c": 33, "relative_humidity_pct": 60, "solar_w_m2": 840, "wind": 3}',
            {"temperature_c": 33, "relative_humidity_pct": 60, "solar_w_m2": 840},
        ),
        ({"temperature_c": "/outdoor/temp"}, b'{"outdoor": {"temp": -3.5}}', {"temperature_c": -3.5}),
        ({"temperature_c": {"key": "/t", "scale": 0.1, "offset": -40}}, b'{"t": 635}', {"temperature_c": 23.5}),
        ({"co2_ppm": "/a~1b/1/c~0d"}, b'{"a/b": [0, {"c~d": 612}]}', {"co2_ppm": 612}),
        ({"co2_ppm": "co2"}, b'{"co2": 612}', {"co2_ppm": 612}),
        ({"co2_ppm": ""}, b"612", {"co2_ppm": 612}),
        ({"co2_ppm": {"scale": 10}}, b"61.2", {"co2_ppm": 612}),
    ],
)
async def test_the_forms_of_a_value(quantities: Any, payload: bytes, found: dict[str, object]) -> None:
    branch = await heard(settings(quantities=quantities), Message("sensors/x", payload))
    assert values(branch) == found
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    "payload",
    [
        b"NaN",
        b"nan",
        b"Infinity",
        b"1e999",
        b"-1e999",
        b"null",
        b'"21.5"',
        b"warm",
        b"85.1",
        b"-41",
        b"true",
        b"[21.5]",
        b"{}",
        b'{"temperature_c": null}',
    ],
)
async def test_what_is_no_value_is_missing_with_its_reason(payload: bytes) -> None:
    branch = await heard(settings(), Message("sensors/x", payload))
    sample = branch.latest("temperature_c")
    assert (sample.value, sample.quality) == (None, Quality.MISSING)
    assert "sensors/x" in sample.reason["en"]
    assert "sensors/x" in sample.reason["zh-CN"]
    assert branch.states() == ["faulty"]


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b'{"temperature_c": 21', b"[" * 5000, b'"\xff"', b"x" * 101, b"1" * 70_000])
async def test_garbage_is_told_once_and_a_good_message_ends_it(payload: bytes) -> None:
    branch = await heard(settings(), *[Message("sensors/x", payload)] * 3)
    assert branch.states() == ["faulty"]
    assert "sensors/x" in branch.reason()
    assert "a number or a JSON document" in branch.reason()
    assert branch.latest("temperature_c").quality is Quality.MISSING
    branch = await heard(settings(), Message("sensors/x", payload), Message("sensors/x", b"21"))
    assert branch.states() == ["faulty", "online"]
    assert branch.latest("temperature_c").value == 21


async def test_half_people_and_an_unknown_quantity_beside_good_ones_are_missing_alone() -> None:
    branch = await heard(settings(quantities=("people", "temperature_c")), Message("sensors/x", b'{"people": 7.5, "temperature_c": 20}'))
    assert branch.latest("people").quality is Quality.MISSING
    assert branch.latest("temperature_c").value == 20
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    ("topic", "quantities", "message", "found"),
    [
        ("zigbee2mqtt/air", ("temperature_c", "co2_ppm"), Message("zigbee2mqtt/air", b'{"temperature": 22.4, "co2": 640}'), [22.4, 640]),
        ("zigbee2mqtt/air", ("temperature_c", "co2_ppm"), Message("zigbee2mqtt/air", b'{"temperature": 22.4}'), [22.4, None]),
        ("zigbee2mqtt/door", ("door_open",), Message("zigbee2mqtt/door", b'{"contact": true, "battery": 97}'), [False]),
        ("zigbee2mqtt/pir", ("presence", "battery_v"), Message("zigbee2mqtt/pir", b'{"occupancy": true, "voltage": 2975}'), [True, 2.975]),
    ],
)
async def test_what_lies_under_zigbee2mqtt_needs_no_preset(topic: str, quantities: Any, message: Message, found: list[object]) -> None:
    branch = await heard(settings(topic, quantities), message)
    assert [values(branch).get(name) for name in quantities] == found
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    ("preset", "quantities", "message", "found"),
    [
        (
            "tasmota",
            ("temperature_c", "relative_humidity_pct"),
            ("tele/x/SENSOR", '{"AM2301": {"Temperature": 22.4, "Humidity": 51}}'),
            [22.4, 51],
        ),
        ("tasmota", ("power_w", "energy_kwh"), ("tele/x/SENSOR", '{"ENERGY": {"Total": 3.2, "Power": 84, "Voltage": 229}}'), [84, 3.2]),
        (
            "shelly-gen2",
            ("power_w", "energy_kwh"),
            ("x/events/rpc", '{"method": "NotifyStatus", "params": {"switch:0": {"apower": 12.5, "aenergy": {"total": 4500}}}}'),
            [12.5, 4.5],
        ),
        (
            "shelly-gen2",
            ("temperature_c",),
            ("x/events/rpc", '{"method": "NotifyFullStatus", "params": {"temperature:0": {"tC": 21.1}}}'),
            [21.1],
        ),
        ("home-assistant", ("temperature_c",), ("x/current_temperature", "23.5"), [23.5]),
    ],
)
async def test_the_named_presets(preset: str, quantities: Any, message: tuple[str, str], found: list[object]) -> None:
    branch = await heard(settings("x", quantities, preset=preset), Message(message[0], message[1].encode()))
    assert [values(branch).get(name) for name in quantities] == found


@pytest.mark.parametrize(
    ("preset", "topic", "away", "back"),
    [
        ("zigbee2mqtt", "x/availability", "offline", "online"),
        ("zigbee2mqtt", "x/availability", '{"state": "offline"}', '{"state": "online"}'),
        ("tasmota", "tele/x/LWT", "Offline", "Online"),
        ("shelly-gen2", "x/online", "false", "true"),
        ("home-assistant", "x/availability", "offline", "online"),
    ],
)
async def test_a_last_will_makes_it_offline_and_its_value_missing(preset: str, topic: str, away: str, back: str) -> None:
    found = settings("x", ("temperature_c",), preset=preset)
    branch = await heard(found, Message(topic, away.encode()))
    assert branch.states() == ["offline"]
    assert topic in branch.reason()
    assert branch.latest("temperature_c").quality is Quality.MISSING
    branch = await heard(found, Message(topic, away.encode()), Message(topic, back.encode()))
    assert branch.states() == ["offline", "online"]


async def test_a_topic_of_ones_own_for_availability_and_garbage_on_it() -> None:
    found = settings(availability="x/there")
    branch = await heard(found, Message("x/there", b"perhaps"), Message("x/there", b"online"))
    assert branch.states() == ["faulty", "online"]


async def test_silence_is_stale_and_the_value_missing_until_it_speaks_again() -> None:
    link = FakeMqtt(Message)
    branch = FakeBranch(link)
    async with running(lambda: run(settings(stale_after_s=0.05), branch)):
        link.say("sensors/x", b"21")
        await branch.until(lambda: branch.states() == ["online", "stale"])
        assert branch.latest("temperature_c").quality is Quality.MISSING
        link.say("sensors/x", b"21", retained=True)  # an old value that the broker kept is no sign of life
        await branch.until(lambda: len(link.acknowledged) == 2)
        assert branch.states() == ["online", "stale"]
        link.say("sensors/x", b"22")
        await branch.until(lambda: branch.states()[:3] == ["online", "stale", "online"])
    assert len(link.acknowledged) == 3


@pytest.mark.parametrize(
    ("topic", "more", "seconds"),
    [
        ("sensors/x", {}, None),
        ("zigbee2mqtt/x", {}, 3_900),
        ("x", {"preset": "tasmota"}, 960),
        ("x", {"preset": "tasmota", "stale_after_s": 60}, 60),
    ],
)
def test_how_long_its_kind_may_be_silent(topic: str, more: dict[str, Any], seconds: float | None) -> None:
    assert settings(topic, **more).stale_after_s == seconds


@pytest.mark.parametrize(
    ("quantities", "more", "said"),
    [
        (["temprature_c"], {}, "did you mean 'temperature_c'"),
        ({"temprature_c": "/t"}, {}, "did you mean 'temperature_c'"),
        ({"temperature_c": {"key": "/t", "scale": 0}}, {}, "scale of 0"),
        ({"temperature_c": {"kee": "/t"}}, {}, "kee"),
        ([], {}, "at least 1"),
        ({"co2_ppm": "/a~2"}, {}, "JSON pointer"),
        (["temperature_c"], {"preset": "tasmotta"}, "did you mean 'tasmota'"),
        (["waiting"], {"preset": "tasmota"}, "does not know where waiting"),
    ],
)
def test_settings_that_cannot_be(quantities: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(quantities=quantities, **more)


@pytest.mark.parametrize("quantities", [["temprature_c"], {"temprature_c": "/t"}, {"co2_ppm": "/a~2"}, {"co2_ppm": {"kee": 1}}, [7], 7])
def test_a_mistake_is_told_once(quantities: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        settings(quantities=quantities)
    assert raised.value.error_count() == 1


def test_an_editor_is_told_both_ways_of_writing_quantities() -> None:
    schema = Settings.model_json_schema()["properties"]["quantities"]
    assert {each["type"] for each in schema["anyOf"]} == {"array", "object"}


async def test_every_message_is_acknowledged_once_on_a_real_broker(mosquitto: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, aiomqtt.Client("127.0.0.1", mosquitto.port) as device:
        branch = WiredBranch(lines, opened=False)
        async with running(lambda: run(settings("weather/now", ("temperature_c",)), branch)):
            await device.publish("weather/now", b"20", qos=1, retain=True)
            await branch.until(lambda: branch.latest("temperature_c"))
            for payload in (b"garbage{", b"\xff", b"21.5"):
                await device.publish("weather/now", payload, qos=1)
            await branch.until(lambda: branch.latest("temperature_c") == Sample("temperature_c", 21.5))
            assert "faulty" in branch.states()
            assert branch.states()[-1] == "online"
            await branch.until(lambda: mosquitto.log().count("Received PUBACK from smartbranch-devices") >= 4)
    assert mosquitto.log().count("Received PUBACK from smartbranch-devices") == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["temperature_c", "people", "a", "0"]), inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=300) | JSON.map(lambda found: json.dumps(found).encode()))
async def test_no_payload_breaks_it_or_makes_up_a_value(payload: bytes) -> None:
    branch = await heard(settings(quantities=("people", "temperature_c")), Message("sensors/x", payload))
    for sample in branch.samples:
        if sample.quantity == "people" and sample.quality is Quality.MEASURED:
            assert isinstance(sample.value, int)
            assert json.loads(payload)["people"] == sample.value
        if sample.quantity == "temperature_c" and sample.quality is Quality.MEASURED:
            assert -40 <= json.loads(payload)["temperature_c"] == sample.value <= 85
        if sample.quality is Quality.MISSING:
            assert sample.reason["en"]
    assert branch.states() in (["online"], ["faulty"])
