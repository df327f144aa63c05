"""One connection to the devices' broker: acknowledgement by hand, which aiomqtt does not have, and work that ends when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiomqtt
import paho.mqtt.client as paho

from devices.driver import LinkDownError
from devices.links.ledger import Ledger
from devices.links.wire import until_lost

T = TypeVar("T")


class Connection:
    """A client, what it has not acknowledged, and whether it is lost; ids of one connection mean nothing on another."""

    def __init__(self, client: aiomqtt.Client, arrived: Callable[[Connection, paho.MQTTMessage], None]) -> None:
        self.client = client
        self.lost = asyncio.Event()
        self.overflowed = False  # more came than is kept: the rest comes again on the next connection
        self._paho = client._client  # noqa: SLF001 # paho has `ack`, aiomqtt has not
        self.ledger = Ledger(self._acknowledge)
        self._paho.manual_ack_set(on=True)
        # not through aiomqtt's queue, which is either without bound or throws away what it cannot hold
        self._paho.on_message = lambda _client, _userdata, message: arrived(self, message)

    def _acknowledge(self, mid: int) -> None:
        self._paho.ack(mid, 1)

    async def until_lost(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns.

        Raises:
            LinkDownError: the connection was lost before.
        """
        try:
            return await until_lost(self.lost, down(), work)
        except aiomqtt.MqttError as error:
            raise down() from error

    def end(self) -> None:
        """Take leave of the broker; the next connection begins at once."""
        self._paho.disconnect()


def down() -> LinkDownError:
    """What whoever wants to use the connection is told while it is away."""
    return LinkDownError("the devices' broker is away; it is connected again by itself")
