"""Seat: what is kept for a device at the broker, also while its driver restarts: its filters and what it has not done with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from devices.links.ledger import Entry

_MOST_AT_QOS_0: Final = 256
MOST_UNATTENDED: Final = 500


class Message(msgspec.Struct, frozen=True):
    """What came from the broker; `retained` is what stood there before we asked."""

    topic: str
    payload: bytes
    retained: bool = False
    number: int = 0  # the owner's own, by which it is acknowledged; 0: nothing is to be acknowledged


class Delivery:
    """A message for one device until that is done with it; without `entry` its connection is gone."""

    __slots__ = ("entry", "message")

    def __init__(self, message: Message, entry: Entry | None) -> None:
        self.message = message
        self.entry = entry


class Seat:
    """A device's place at the broker."""

    def __init__(self, device: str, done: Callable[[Delivery], None]) -> None:
        self.device = device
        self.filters: set[str] = set()
        self.lost = 0
        self.attended = 0  # links that the device has open
        self._done = done
        self._unacknowledged: dict[int, Delivery] = {}
        self._waiting: deque[Message] = deque()
        self._at_qos_0 = 0
        self._came = asyncio.Event()
        self._drained = asyncio.Event()

    def __len__(self) -> int:
        return len(self._unacknowledged)

    def put(self, delivery: Delivery) -> None:
        """A message arrived for the device; at QoS 0 the oldest are dropped where it is too slow, and counted."""
        if delivery.message.number:
            if not self.attended and len(self._unacknowledged) >= MOST_UNATTENDED:
                self.lost += 1
                self.acknowledge(next(iter(self._unacknowledged)))  # others must not wait for a device that does not come back
            self._unacknowledged[delivery.message.number] = delivery
        elif self._at_qos_0 >= _MOST_AT_QOS_0:
            self.lost += 1
            self._waiting.remove(next(message for message in self._waiting if not message.number))
        else:
            self._at_qos_0 += 1
        self._waiting.append(delivery.message)
        self._came.set()
        self._drained.clear()

    def adopt(self, topic: str, payload: bytes, entry: Entry) -> bool:
        """Whether the device holds the same from a connection that is gone; then `entry`, its repetition, is answered with it."""
        for delivery in self._unacknowledged.values():
            if delivery.entry is None and delivery.message.topic == topic and delivery.message.payload == payload:
                delivery.entry = entry
                return True
        return False

    def acknowledge(self, number: int) -> None:
        """The device is done with a message; anything but its first acknowledgement is nothing."""
        if delivery := self._unacknowledged.pop(number, None):
            self._done(delivery)

    def disconnected(self) -> None:
        """What the connection brought can no longer be acknowledged; it is still handed out, and adopted when it comes again."""
        for delivery in self._unacknowledged.values():
            delivery.entry = None

    def sit(self) -> None:
        """The device opened a link: what it has not done with is handed out again, in order of arrival."""
        self.attended += 1
        if self.attended == 1:
            at_qos_0 = [message for message in self._waiting if not message.number]
            self._waiting = deque([*(delivery.message for delivery in self._unacknowledged.values()), *at_qos_0])
            self._came.set()

    def rise(self) -> None:
        """The device closed a link; nobody may be left to hand messages to."""
        self.attended -= 1
        self._drained.set()

    def clear(self) -> Iterator[Delivery]:
        """Take away all that is not acknowledged."""
        while self._unacknowledged:
            yield self._unacknowledged.pop(next(iter(self._unacknowledged)))

    async def drained(self) -> None:
        """Return when the device has come back for more, or has no link open any more."""
        await self._drained.wait()

    async def next(self) -> Message:
        """The next message; waits while there is none."""
        await asyncio.sleep(0)  # a topic that never falls silent must leave others their turn
        while not self._waiting:
            self._came.clear()
            self._drained.set()
            await self._came.wait()
        message = self._waiting.popleft()
        self._at_qos_0 -= not message.number
        return message
