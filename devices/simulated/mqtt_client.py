"""A device's own connection to the broker: opened again whenever it goes, with the device's last will."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import aiomqtt

from devices.driver import LinkDownError
from devices.links.broker import Broker, connect

_log = logging.getLogger(__name__)
_RETRY_LEAST_S, _RETRY_MOST_S = 0.05, 1.0
_ANSWER_S: Final = 2.0
_PAHO: Final = logging.getLogger(f"{__name__}.paho")
_PAHO.setLevel(logging.CRITICAL)  # that connections break is what simulated devices are for


class MqttClient:
    """Connects as `name`; `heard(topic, payload)` is told what comes on `topics`, `connected()` runs at each new connection."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        topics: tuple[str, ...] = (),
        heard: Callable[[str, bytes], None] | None = None,
        will: tuple[str, str] | None = None,
        connected: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._broker = Broker.of(url)
        self._name, self._topics, self._heard, self._will, self._connected = name, topics, heard, will, connected
        self._client: aiomqtt.Client | None = None
        self._plugged = asyncio.Event()
        self._plugged.set()

    def plug(self) -> None:
        """Let it connect again."""
        self._plugged.set()

    def unplug(self) -> None:
        """Break the connection as if the network went, without a goodbye: the broker publishes the last will."""
        self._plugged.clear()
        if self._client is not None:
            wire = self._client._client.socket()  # noqa: SLF001  # aiomqtt can only say goodbye
            if isinstance(wire, socket.socket):
                with contextlib.suppress(OSError):  # it is broken already
                    wire.shutdown(socket.SHUT_RDWR)

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        retry_s = _RETRY_LEAST_S
        while True:
            await self._plugged.wait()
            began = asyncio.get_running_loop().time()
            try:
                await self._connect()
            except (LinkDownError, aiomqtt.MqttError) as error:
                _log.debug("%s: broker away: %s", self._name, error)
            finally:
                self._client = None
            retry_s = _RETRY_LEAST_S if asyncio.get_running_loop().time() - began > _ANSWER_S else min(_RETRY_MOST_S, retry_s * 2)
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))

    async def _connect(self) -> None:
        will = aiomqtt.Will(*self._will, qos=1, retain=True) if self._will else None
        async with connect(self._broker, self._name, clean_session=True, will=will, prepare=_prepare) as client:
            for topic in self._topics:
                await client.subscribe(topic, qos=1)
            self._client = client
            if self._connected:
                await self._connected()
            async for message in client.messages:
                if self._heard and isinstance(message.payload, bytes):
                    self._heard(str(message.topic), message.payload)

    async def publish(self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Publish and wait for the broker; False when it is away or does not answer."""
        if self._client is None:
            return False
        try:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
        except aiomqtt.MqttError as error:
            _log.debug("%s: not published: %s", self._name, error)
            return False
        return True


def _prepare(client: aiomqtt.Client) -> None:
    client.timeout = _ANSWER_S
    client._client.enable_logger(_PAHO)  # noqa: SLF001  # aiomqtt takes a logger only where the client is made
