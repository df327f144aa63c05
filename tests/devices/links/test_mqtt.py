"""MQTT link: against a real mosquitto, and where they differ the embedded broker, killed and restarted as it may happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiomqtt
import pytest

from devices.driver import DriverError, LinkDownError
from devices.links import mqtt_owner, seat
from devices.links.lines import Lines
from devices.links.mqtt import Message, MqttLink


@contextlib.asynccontextmanager
async def desk(broker: Any) -> AsyncIterator[aiomqtt.Client]:
    """A device of its own at the broker."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        yield client


def settings(prefix: str = "bank/tickets") -> MqttLink.Settings:
    return MqttLink.Settings(mqtt=prefix)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 # nobody tells of what another process writes
        await asyncio.sleep(0.005)


async def connected(link: MqttLink) -> None:
    """Return when the link can publish."""
    while True:
        try:
            return await link.publish("test/connected", b"")
        except LinkDownError:
            await asyncio.sleep(0.005)


async def take(link: MqttLink, count: int) -> list[Message]:
    """The next messages, not acknowledged."""
    return [await anext(aiter(link)) for _ in range(count)]


def payloads(messages: list[Message]) -> list[bytes]:
    return [message.payload for message in messages]


@pytest.fixture(params=["mosquitto", "embedded_broker"])
def broker(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def test_publish_subscribe_and_retained(broker: Any, told: Any) -> None:
    async with desk(broker) as device, Lines(mqtt_url=broker.url) as lines, lines.open(settings(), "tickets", told) as link:
        await device.publish("bank/tickets/status", b"online", qos=1, retain=True)
        await link.subscribe(f"{link.prefix}/status", "bank/tickets/ticket")
        await connected(link)
        (status,) = await take(link, 1)
        assert (status.topic, status.payload, status.retained) == ("bank/tickets/status", b"online", True)
        link.acknowledge(status)
        await device.subscribe("bank/tickets/ack", qos=1)
        await device.publish("bank/tickets/ticket", b"A012", qos=1)
        (ticket,) = await take(link, 1)
        assert (ticket.payload, ticket.retained) == (b"A012", False)
        link.acknowledge(ticket)
        await link.publish("bank/tickets/ack", '{"seq":1}')
        assert (await anext(device.messages)).payload == b'{"seq":1}'
        assert told.states == []


async def test_what_was_not_acknowledged_comes_again_to_the_next_process(broker: Any, told: Any) -> None:
    async with desk(broker) as device:
        async with Lines(mqtt_url=broker.url) as lines, lines.open(settings(), "tickets", told) as link:
            await link.subscribe("bank/tickets/ticket")
            await connected(link)
            for seq in range(5):
                await device.publish("bank/tickets/ticket", b"%d" % seq, qos=1)
            first, second, _ = await take(link, 3)
            link.acknowledge(second)  # done before the first: must not be told to the broker yet
            link.acknowledge(first)
        await device.publish("bank/tickets/ticket", b"5", qos=1)  # while nobody is there
        async with Lines(mqtt_url=broker.url) as lines, lines.open(settings(), "tickets", told) as link:
            await link.subscribe("bank/tickets/ticket")
            again = await take(link, 4)
            assert payloads(again) == [b"2", b"3", b"4", b"5"]
            for message in again:
                link.acknowledge(message)
            await device.publish("bank/tickets/ticket", b"6", qos=1)
            assert payloads(await take(link, 1)) == [b"6"]


async def test_what_came_before_the_device_subscribed_waits_for_it(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device:
        async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "tickets", told) as link:
            await link.subscribe("bank/tickets/ticket")
            await connected(link)
        await device.publish("bank/tickets/ticket", b"kept", qos=1)
        async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings("x"), "early", told) as early:
            await connected(early)
            async with lines.open(settings(), "tickets", told) as link:
                await link.subscribe("bank/tickets/ticket")
                assert payloads(await take(link, 1)) == [b"kept"]


async def test_what_nobody_wants_is_acknowledged_once_all_have_subscribed(
    mosquitto: Any, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_owner, "_SETTLES_WITHIN_S", 0.05)
    async with desk(mosquitto) as device:
        async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "gone", told) as link:
            await link.subscribe("bank/gone")
            await connected(link)
        await device.publish("bank/gone", b"1", qos=1)
        async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "tickets", told) as link:
            await connected(link)
            await until(lambda: "Received PUBACK" in mosquitto.log())


async def test_a_restarted_driver_is_handed_what_it_had_not_done(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings("other"), "other", told):
        async with lines.open(settings(), "tickets", told) as link:
            await link.subscribe("bank/tickets/+")
            await connected(link)
            for seq in range(4):
                await device.publish("bank/tickets/ticket", b"%d" % seq, qos=1)
            messages = await take(link, 3)
            link.acknowledge(messages[1])
        await device.publish("bank/tickets/ticket", b"4", qos=1)
        async with lines.open(settings(), "tickets", told) as link:
            again = await take(link, 4)
            assert payloads(again) == [b"0", b"2", b"3", b"4"]
            for message in again:
                link.acknowledge(message)
            link.acknowledge(again[0])  # again: nothing happens
    await until(lambda: "Received DISCONNECT from smartbranch-devices" in mosquitto.log())
    assert mosquitto.log().count("Received PUBACK from smartbranch-devices") == 5


async def test_acknowledged_in_order_of_arrival(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "tickets", told) as link:
        await link.subscribe("a", "b")
        await connected(link)
        for seq in range(20):
            await device.publish("ab"[seq % 2], b"%d" % seq, qos=1)
        for message in reversed(await take(link, 20)):
            link.acknowledge(message)
        await link.publish("done", b"")
        sent = [line.split("Mid: ")[1].split(",")[0] for line in mosquitto.log().splitlines() if "Received PUBACK from smartbranch" in line]
        assert sent == sorted(sent, key=int)
        assert len(sent) == 20


async def test_two_devices_get_what_both_want_once_each(mosquitto: Any, told: Any) -> None:
    async with (
        desk(mosquitto) as device,
        Lines(mqtt_url=mosquitto.url) as lines,
        lines.open(settings("a"), "a", told) as first,
        lines.open(settings("b"), "b", told) as second,
    ):
        await first.subscribe("sensors/#", "sensors/hall")
        await second.subscribe("sensors/+")
        await connected(first)
        for seq in range(3):
            await device.publish("sensors/hall", b"%d" % seq, qos=1)
        for link in (first, second):
            messages = await take(link, 3)
            assert payloads(messages) == [b"0", b"1", b"2"]
            for message in messages:
                assert "Received PUBACK from smartbranch-devices" not in mosquitto.log()
                link.acknowledge(message)
        await until(lambda: mosquitto.log().count("Received PUBACK from smartbranch-devices") == 3)


async def test_the_broker_is_killed_and_comes_back(mosquitto: Any, told: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "tickets", told) as link:
        await link.subscribe("bank/tickets/ticket")
        await connected(link)
        async with desk(mosquitto) as device:
            await device.publish("bank/tickets/ticket", b"before", qos=1)
        (before,) = await take(link, 1)
        mosquitto.kill()
        await told.until(1)
        assert "is the broker running" in told.reason
        with pytest.raises(LinkDownError):
            await link.publish("x", b"lost")
        link.acknowledge(before)  # of a connection that is gone: nothing is sent on the next
        mosquitto.start()
        await told.until(2)
        assert told.states == ["offline", "online"]
        async with desk(mosquitto) as device:
            await device.publish("bank/tickets/ticket", b"after", qos=1)  # subscribed again by itself
        (after,) = await take(link, 1)
        assert after.payload == b"after"
        link.acknowledge(after)


async def test_a_repetition_of_what_the_device_still_holds_is_not_handed_out_twice(mosquitto: Any, told: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "tickets", told) as link:
        await link.subscribe("bank/tickets/ticket")
        await connected(link)
        async with desk(mosquitto) as device:
            for payload in (b"held", b"waiting"):
                await device.publish("bank/tickets/ticket", payload, qos=1)
        (held,) = await take(link, 1)
        mosquitto.stop()  # writes its session down
        await told.until(1)
        mosquitto.start()
        await told.until(2)
        link.acknowledge(held)
        (waiting,) = await take(link, 1)
        assert waiting.payload == b"waiting"
        link.acknowledge(waiting)
        async with desk(mosquitto) as device:
            await device.publish("bank/tickets/ticket", b"new", qos=1)
        assert payloads(await take(link, 1)) == [b"new"]
    log = mosquitto.log()
    repeated = [line for line in log.splitlines() if "Sending PUBLISH to smartbranch-devices (d1" in line]
    assert len(repeated) == 2
    assert log.count("Received PUBACK from smartbranch-devices") == 2


async def test_a_publish_that_the_broker_does_not_answer_ends_with_the_connection(told: Any) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"smartbranch-devices")
        writer.write(bytes.fromhex("20 02 00 00"))  # CONNACK, and never a word again
        while (await reader.read(100))[:1] != b"\x32":
            pass
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Lines(mqtt_url=url) as lines, lines.open(settings(), "tickets", told) as link:
        owner: Any = link._owner
        await until(lambda: owner._connection)
        with pytest.raises(LinkDownError):
            await link.publish("x", b"y")


async def test_more_than_is_kept_stays_at_the_broker(broker: Any, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_owner, "_MOST_KEPT", 10)
    async with desk(broker) as device, Lines(mqtt_url=broker.url) as lines, lines.open(settings(), "tickets", told) as link:
        await link.subscribe("flood")
        await connected(link)
        for seq in range(35):
            await device.publish("flood", b"%d" % seq, qos=1)
        owner: Any = link._owner
        heard: list[bytes] = []
        while len(set(heard)) < 35:
            (message,) = await take(link, 1)
            assert owner._kept <= 10
            heard.append(message.payload)
            link.acknowledge(message)
        assert list(dict.fromkeys(heard)) == [b"%d" % seq for seq in range(35)]  # rumqttd may send copies of what it was told is done
        assert told.states == []


async def test_at_qos_0_the_oldest_are_dropped(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "sensor", told) as link:
        await link.subscribe("sensor", "last")
        await connected(link)
        for seq in range(seat._MOST_AT_QOS_0 + 44):
            await device.publish("sensor", b"%d" % seq, qos=0)
        await until(lambda: link.lost == 44)
        assert payloads(await take(link, 1)) == [b"44"]


async def test_a_device_that_does_not_come_back_does_not_hold_up_others(mosquitto: Any, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "MOST_UNATTENDED", 5)
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings("b"), "b", told) as link:
        await link.subscribe("b")
        async with lines.open(settings("a"), "a", told) as dead:
            await dead.subscribe("a")
            await connected(dead)
        for seq in range(12):
            await device.publish("a", b"%d" % seq, qos=1)
        await device.publish("b", b"alive", qos=1)
        assert payloads(await take(link, 1)) == [b"alive"]
        async with lines.open(settings("a"), "a", told) as back:
            assert payloads(await take(back, 5)) == [b"7", b"8", b"9", b"10", b"11"]
            assert back.lost == 7


async def test_a_forgotten_device_is_unsubscribed_and_acknowledged(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings("b"), "b", told) as link:
        async with lines.open(settings("a"), "a", told) as gone:
            await gone.subscribe("a", "both")
            await link.subscribe("both")
            await connected(gone)
            await device.publish("a", b"1", qos=1)
            await take(gone, 1)
        await lines.forget("a")
        await device.publish("both", b"2", qos=1)
        assert payloads(await take(link, 1)) == [b"2"]
        log = mosquitto.log()
        assert "Received UNSUBSCRIBE from smartbranch-devices" in log
        assert "Received PUBACK from smartbranch-devices" in log


async def test_who_only_listens_leaves_no_session_behind(mosquitto: Any, told: Any) -> None:
    async with desk(mosquitto) as device:
        for _ in range(2):
            async with Lines(mqtt_url=mosquitto.url, keeps_session=False) as lines, lines.open(settings(), "a", told) as link:
                await link.subscribe("a")
                await connected(link)
                await device.publish("a", b"heard", qos=1)
                assert payloads(await take(link, 1)) == [b"heard"]
            await device.publish("a", b"not kept", qos=1)


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a#", "a+/b"])
async def test_what_is_no_filter(mosquitto: Any, told: Any, wrong: str) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(settings(), "a", told) as link:
        with pytest.raises(DriverError, match="no topic filter"):
            await link.subscribe(wrong)
        await connected(link)
        with pytest.raises(DriverError, match="no topic to publish to"):
            await link.publish("a/#", b"")


async def test_without_a_broker_in_the_configuration(told: Any) -> None:
    async with Lines() as lines:
        with pytest.raises(DriverError, match="no broker is given"):
            async with lines.open(settings(), "a", told):
                pass


async def test_the_tap_hears_what_comes_in(mosquitto: Any, told: Any) -> None:
    heard: list[Any] = []
    async with desk(mosquitto) as device, Lines(mqtt_url=mosquitto.url, now=lambda: 7.0) as lines:
        stop = lines.tap(lambda *what: heard.append(what))
        async with lines.open(settings(), "tickets", told) as link:
            await link.subscribe("a")
            await connected(link)
            await device.publish("a", b"1", qos=1)
            await take(link, 1)
            stop()
            await device.publish("a", b"2", qos=1)
            await take(link, 1)
    assert heard == [("mqtt", "a", b"1", 7.0, ["tickets"])]
