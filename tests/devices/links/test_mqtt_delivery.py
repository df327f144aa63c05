"""Delivery: driver, process and broker restart at random while messages come; each is handled at least once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import aiomqtt
import pytest

from devices.driver import LinkDownError
from devices.links.lines import Lines
from devices.links.mqtt import MqttLink

SETTINGS = MqttLink.Settings(mqtt="bank/tickets")
COUNT = 300


async def subscribed(url: str, told: Any) -> None:
    """Return when the session stands at the broker."""
    async with Lines(mqtt_url=url) as lines, lines.open(SETTINGS, "tickets", told) as link:
        await link.subscribe("bank/tickets/+")
        while True:
            try:
                return await link.publish("test/connected", b"")
            except LinkDownError:
                await asyncio.sleep(0.005)


async def publish(port: int) -> None:
    """A ticket machine that repeats each until the broker has taken it."""
    sequence = 0
    while sequence < COUNT:
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", port) as client:
                while sequence < COUNT:
                    await client.publish("bank/tickets/ticket", b"%d" % sequence, qos=1, timeout=1)
                    sequence += 1


async def handle(lines: Lines, told: Any, drawn: random.Random, committed: set[bytes]) -> None:
    """A driver that fails now and then, between any two steps."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drawn.uniform(0.01, 0.3)), lines.open(SETTINGS, "tickets", told) as link:
                await link.subscribe("bank/tickets/+")
                async for message in link:
                    await asyncio.sleep(drawn.choice([0, 0, 0.001]))
                    committed.add(message.payload)
                    await asyncio.sleep(0)
                    link.acknowledge(message)


async def restart(mosquitto: Any, drawn: random.Random) -> None:
    for _ in range(3):
        await asyncio.sleep(drawn.uniform(0.05, 0.3))
        mosquitto.stop()
        mosquitto.start()


async def run(url: str, told: Any, drawn: random.Random, committed: set[bytes]) -> None:
    """The daemon for a while."""
    async with Lines(mqtt_url=url) as lines, lines.open(MqttLink.Settings(mqtt="other"), "other", told):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(handle(lines, told, drawn, committed), drawn.uniform(0.2, 0.8))


@pytest.mark.parametrize("seed", [1, 2])
async def test_none_is_lost(mosquitto: Any, told: Any, seed: int) -> None:
    drawn, committed = random.Random(seed), set[bytes]()
    await subscribed(mosquitto.url, told)
    async with asyncio.TaskGroup() as others:
        publishing, restarting = others.create_task(publish(mosquitto.port)), others.create_task(restart(mosquitto, drawn))
        while not (publishing.done() and restarting.done() and len(committed) == COUNT):
            await run(mosquitto.url, told, drawn, committed)
    assert committed == {b"%d" % sequence for sequence in range(COUNT)}
