"""Embedded broker: an MQTT broker from a wheel, as a child process on loopback, for the demo and for tests."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

import iotcore

from devices.simulated import ctrl_c

_LARGEST_PAYLOAD: Final = 1 << 20  # bytes; rumqttd's default of 20 kB closes the connection of whoever sends more


class EmbeddedBroker:
    """rumqttd on `127.0.0.1:port`; it is gone when the context ends, and when this process dies in any way.

    Raises:
        OSError: on entering, when the port is taken.
        RuntimeError: on entering, when the broker does not come up within 10 s.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._broker = iotcore.Broker(port=port, listen="127.0.0.1", max_payload_size=_LARGEST_PAYLOAD)

    @property
    def url(self) -> str:
        """Where clients connect: `mqtt://127.0.0.1:port`."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        starting = asyncio.create_task(asyncio.to_thread(self._start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await starting  # a thread cannot be cancelled, and what it starts must be stopped
            await self._stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stop()

    def _start(self) -> None:
        with ctrl_c.unheard():  # whoever has us ends it, after what it carries has arrived
            self._broker.start()

    async def _stop(self) -> None:
        await asyncio.shield(asyncio.to_thread(self._broker.stop))
