"""Embedded broker: it listens on loopback while its context lasts, takes a payload of 1 MiB, and frees its port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import aiomqtt
import pytest

from devices.simulated.broker import EmbeddedBroker


async def test_passes_a_large_message_on(embedded_broker: EmbeddedBroker) -> None:
    payload = b"x" * (1000 * 1024)
    async with aiomqtt.Client("127.0.0.1", embedded_broker.port) as client:
        await client.subscribe("a", qos=1)
        await client.publish("a", payload, qos=1)
        assert (await anext(client.messages)).payload == payload


async def test_the_port_is_free_after_it(free_port: Callable[[], int]) -> None:
    port = free_port()
    async with EmbeddedBroker(port):
        pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_taken_port_is_an_error(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(OSError, match=str(embedded_broker.port)):
        async with EmbeddedBroker(embedded_broker.port):
            pass


async def test_cancelled_while_it_starts_leaves_nothing(free_port: Callable[[], int]) -> None:
    broker = EmbeddedBroker(free_port())
    entering = asyncio.create_task(broker.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", broker.port)) != 0
