"""Recorded lines: what was captured from the wires goes to the same drivers over the same links, with no hardware there."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from devices.driver import LinkSettings
from devices.links.audience import Audience
from devices.links.byte_wire import ByteOwner, Dial, Factory
from devices.links.lines import Lines
from devices.links.modbus_owner import ModbusOwner
from devices.links.mqtt import Message, MqttLink, MqttSettings
from devices.links.seat import Delivery, Seat
from devices.links.wire import Holder, Owner, Site

_MOST_REMEMBERED: Final = 10_000
_MOST_UNASKED: Final = 64  # answers of Modbus units on a wire that wait to be asked for; then the oldest go

Written = Callable[[str, str | None, bytes], None]


class _Tape(asyncio.Transport):
    """A transport that only remembers what is written."""

    def __init__(self, protocol: asyncio.Protocol, wire: str, written: Written) -> None:
        super().__init__()
        self.protocol = protocol
        self._wire = wire
        self._written = written
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written(self._wire, None, bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self._closing = True
        self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        """Nothing comes in but what is fed."""

    def resume_reading(self) -> None:
        """Nothing comes in but what is fed."""


class _RecordedBroker:
    """The owner behind every recorded `MqttLink`."""

    def __init__(self, wire: str, written: Written) -> None:
        self._wire = wire
        self._written = written
        self._audience: Audience[Seat] = Audience()
        self._seats: dict[tuple[str, str], Seat] = {}
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def hold(self, settings: MqttSettings, holder: Holder) -> MqttLink:
        seat = self._seats.setdefault((holder.device, settings.mqtt), Seat(holder.device, lambda _: None))
        seat.sit()
        return MqttLink(settings.mqtt, seat, self)

    def release(self, link: MqttLink, _: Holder) -> None:
        link.seat.rise()

    async def forget(self, device: str) -> None:
        """A recording is short: what is kept for a device may stay."""

    async def subscribe(self, seat: Seat, filters: Iterable[str]) -> None:
        for name in filters:
            self._audience.add(name, seat)

    async def publish(self, topic: str, payload: bytes | str, *, qos: int, retain: bool) -> None:  # noqa: ARG002 # MqttLink's
        self._written(self._wire, topic, payload.encode() if isinstance(payload, str) else payload)

    async def feed(self, topic: str, payload: bytes) -> bool:
        seats = self._audience.of(topic)
        message = Message(topic, payload, number=next(self._numbers))
        for seat in seats:
            seat.put(Delivery(message, None))
        for seat in seats:
            await seat.drained()
        return bool(seats)


class RecordedLines(Lines):
    """The face of `Lines`; `feed` is the hardware speaking, what drivers write is remembered in `written` and goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self._site = Site(self._heard, dial=self._recorded)
        self._tapes: dict[str, _Tape] = {}
        self._answers: dict[str, deque[bytes]] = defaultdict(partial(deque, maxlen=_MOST_UNASKED))
        self.written: list[tuple[str, str | None, bytes]] = []
        """Wire, topic where there is one, bytes; the newest 10,000."""

    async def held(self, wire_or_device: str) -> None:
        """Return when a device has opened the wire (or the device a link)."""
        while self._find(wire_or_device) is None:  # noqa: ASYNC110 # a link is opened in few turns of the loop, and tells nobody
            await asyncio.sleep(0.001)

    async def feed(self, wire_or_device: str, topic: str | None, received: bytes) -> bool:
        """Let the wire (or that of the device) say `received`; return when the drivers have dealt with it.

        An answer of a Modbus unit is said when it is asked for; `feed` does not wait for that. False: nobody holds the wire or wants the
        topic, and nothing was done.
        """
        name = self._find(wire_or_device)
        if name is None:
            return False
        owner, tape = self._wires[name].owner, self._tapes.get(name)
        if isinstance(owner, _RecordedBroker):
            return await owner.feed(topic or "", received)
        if isinstance(owner, ModbusOwner):
            self._answers[name].append(received)
            self._answer(name, owner)
            await asyncio.sleep(0)
        elif tape and isinstance(owner, ByteOwner):
            tape.protocol.data_received(received)
            await owner.drained()
        return True

    def _answer(self, wire: str, owner: ModbusOwner[Any]) -> None:
        """Say what is an answer to the request that is out; a driver asks when its time has come, and may ask less often."""
        if (found := owner.answer(self._answers[wire])) is not None:
            at, answer = found
            del self._answers[wire][at]
            self._tapes[wire].protocol.data_received(answer)

    def _find(self, wire_or_device: str) -> str | None:
        named = (name for name, wire in self._wires.items() if wire_or_device in {name, *wire.devices})
        return next((name for name in named if name in self._tapes or isinstance(self._wires[name].owner, _RecordedBroker)), None)

    def _owner(self, settings: LinkSettings[Any]) -> Owner[Any]:
        return _RecordedBroker(settings.wire(), self._remember) if isinstance(settings, MqttSettings) else super()._owner(settings)

    def _recorded(self, wire: str) -> Dial:
        async def open_(factory: Factory) -> asyncio.Transport:
            protocol = factory()
            tape = self._tapes[wire] = _Tape(protocol, wire, self._written_to)
            protocol.connection_made(tape)
            return tape

        return open_

    def _written_to(self, wire: str, topic: str | None, data: bytes) -> None:
        self._remember(wire, topic, data)
        if wire in self._wires and isinstance(owner := self._wires[wire].owner, ModbusOwner):
            self._answer(wire, owner)

    def _remember(self, wire: str, topic: str | None, data: bytes) -> None:
        self.written.append((wire, topic, data))
        del self.written[:-_MOST_REMEMBERED]
