"""A program that listens on a broker, as the daemon would: hears topics, publishes, waits for what a test expects."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt

from tests.devices.simulated.host import until


class Listener:
    """What came on its topics, in order: `.heard` holds (topic, payload as JSON or text)."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._client = client

    async def hear(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            said: Any = message.payload.decode("utf-8", "replace")
            with contextlib.suppress(ValueError):
                said = json.loads(said)
            self.heard.append((str(message.topic), said))

    async def say(self, topic: str, said: object) -> None:
        await self._client.publish(topic, json.dumps(said), qos=1)

    def of(self, topic: str) -> list[Any]:
        return [said for heard, said in self.heard if heard == topic]

    async def first(self, topic: str, number: int = 1) -> Any:
        """The `number`th payload of `topic`, once it is there."""
        await until(lambda: len(self.of(topic)) >= number)
        return self.of(topic)[number - 1]


@contextlib.asynccontextmanager
async def listening(port: int, *topics: str) -> AsyncIterator[Listener]:
    """A listener on loopback, subscribed to `topics`."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        listener = Listener(client)
        hearing = asyncio.create_task(listener.hear())
        try:
            yield listener
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


@contextlib.asynccontextmanager
async def at_work(*work: Any) -> AsyncIterator[None]:
    """The coroutines run beside the test; one that fails makes the test fail."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
