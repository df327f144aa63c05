"""Listener: head office's connection to the broker; what branches send goes to the intake, its answers go down."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import aiomqtt
import paho.mqtt.client as paho

from devices.driver import text
from devices.links.broker import Broker, stay_connected
from devices.reading import Text
from edge.headoffice.books import Answer
from edge.uplink.envelope import ROOT, Channel, Command, channel_of, down_message, topic

_LOG = logging.getLogger(__name__)
_UP: Final = f"{ROOT}/+/{Channel.EVENTS}"

Put = Callable[[str, bytes, int], bool]


class Listener:
    """Stays connected; `taken` and `answered` may be called from any thread."""

    def __init__(self, broker: Broker, put: Put) -> None:
        """`put` takes (topic, payload, number of the message); False: it had no room."""
        self._broker, self._put = broker, put
        self._loop = asyncio.get_running_loop()
        self._client: aiomqtt.Client | None = None
        self.problem: Text | None = text("not yet connected to the broker", "尚未连接代理")

    async def run(self) -> None:
        """Listen until cancelled; the broker may go and come."""
        identifier = f"smartbranch-headoffice-{secrets.token_hex(4)}"
        await stay_connected(self._broker, identifier, self._use, away=self._away, clean_session=True, prepare=self._prepare)

    def taken(self, numbers: Sequence[int]) -> None:
        """Tell the broker that messages have left the queue, so that it hands out more."""
        self._loop.call_soon_threadsafe(self._acknowledge, numbers)

    def answered(self, answers: Sequence[Answer]) -> None:
        """Tell branches what was committed; while the broker is away it is not told, and they ask again."""
        if answers:
            self._loop.call_soon_threadsafe(self._say, answers)

    def command(self, branch: str, command: Command) -> None:
        """Send a signed order; it is repeated by whoever gives it until its answer comes as an event."""
        if self._client is not None:
            self._paho(self._client).publish(topic(branch, Channel.COMMAND), down_message(command), qos=0)

    def _prepare(self, client: aiomqtt.Client) -> None:
        self._paho(client).manual_ack_set(on=True)
        self._paho(client).on_message = self._arrived

    @staticmethod
    def _paho(client: aiomqtt.Client) -> paho.Client:
        return client._client  # noqa: SLF001 (aiomqtt has no acknowledgement by hand)

    def _arrived(self, client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        if not self._put(message.topic, bytes(message.payload), message.mid):
            client.ack(message.mid, message.qos)

    async def _use(self, client: aiomqtt.Client) -> None:
        await client.subscribe(_UP, qos=1)
        _LOG.info("listening to branches at %s", self._broker.url)
        self._client, self.problem = client, None
        try:
            async for _ in client.messages:  # they go to the intake instead; this ends when the connection is lost
                pass
        finally:
            self._client = None

    def _away(self, reason: Text) -> None:
        if self.problem != reason:
            _LOG.warning("%s", reason["en"])
        self.problem = reason

    def _acknowledge(self, numbers: Sequence[int]) -> None:
        if self._client is not None:
            for number in numbers:
                self._paho(self._client).ack(number, 1)

    def _say(self, answers: Sequence[Answer]) -> None:
        if self._client is not None:
            for answer in answers:
                self._paho(self._client).publish(topic(answer.branch, channel_of(answer.says)), down_message(answer.says), qos=0)
