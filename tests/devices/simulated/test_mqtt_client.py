"""A device's connection: cancelled at any moment it ends, and a broken one comes back."""

from __future__ import annotations

import asyncio

from devices.simulated.broker import EmbeddedBroker
from devices.simulated.mqtt_client import MqttClient
from tests.devices.simulated.host import until
from tests.devices.simulated.listener import at_work, listening


async def test_publishing_is_cancelled_at_whatever_moment(embedded_broker: EmbeddedBroker) -> None:
    client = MqttClient(embedded_broker.url, "device")

    async def for_ever() -> None:
        while True:
            await client.publish("a/b", "x")
            await asyncio.sleep(0)

    async with at_work(client.run()):
        for turns in range(150):  # each cancels in another state of the wait for the broker
            task = asyncio.create_task(for_ever())
            await asyncio.sleep(turns * 1e-5)
            task.cancel()
            ended, _ = await asyncio.wait({task}, timeout=5)
            assert ended == {task}
            assert task.cancelled()


async def test_it_is_away_and_back(embedded_broker: EmbeddedBroker) -> None:
    heard: list[tuple[str, bytes]] = []
    client = MqttClient(
        embedded_broker.url, "device", topics=("to/device",), heard=lambda *said: heard.append(said), will=("from/device", "offline")
    )
    assert not await client.publish("from/device", "too early")
    async with listening(embedded_broker.port, "from/device") as host, at_work(client.run()):
        await host.say("to/device", 0)
        await until(lambda: client._client is not None)
        await host.say("to/device", 1)
        await until(lambda: (("to/device", b"1")) in heard)
        client.unplug()
        assert await host.first("from/device") == "offline"
        assert not await client.publish("from/device", "away")
        client.plug()
        await until(lambda: client._client is not None)
        assert await client.publish("from/device", "back")
        assert await host.first("from/device", 2) == "back"
