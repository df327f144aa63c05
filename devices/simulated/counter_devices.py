"""What stands at the counters on one bus (format A): callers and evaluators that press until echoed, displays that remember."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from devices.simulated.faults import Faults
from devices.simulated.frames import KEYS, BusFrame, bus_frames, places
from devices.simulated.wire import Wire

_KEY, _SHOW, _BEEP, _RATING, _PRESENT = 0x01, 0x02, 0x03, 0x11, 0x00
_ANSWER_S, _RANDOM_S, _REPEATS = 0.2, 0.1, 5


class Display:
    """Six places: three for people waiting (a letter may stand in the third), three for the ticket; blank places leave what is shown."""

    def __init__(self) -> None:
        self.waiting: int | None = None
        self.ticket = ""
        self.beeps = 0

    def show(self, six: str) -> bool:
        """Take a frame's six places; whether the ticket is another one now."""
        left, right = six[:3], six[3:]
        if left.strip().isdigit():
            self.waiting = int(left)
        letter = left[2:] if left[2:].isalpha() else ""
        if not right.strip() and left.strip():
            return False
        before, self.ticket = self.ticket, letter + right.strip()
        return self.ticket != before


class CounterDevices:
    """Callers, evaluators and displays of several counters on one wire.

    `addresses`: counter -> bus address; `shown(counter, ticket)` is told when a display shows another ticket.
    """

    def __init__(
        self, wire: Wire, addresses: Mapping[str, int], shown: Callable[[str, str], None], *, faults: Faults | None = None, seed: int = 0
    ) -> None:
        self.faults = faults or Faults(seed)
        self.displays = {counter: Display() for counter in addresses}
        self.in_flight = 0  # presses that are not answered or given up yet
        self._wire = wire
        self._addresses = dict(addresses)
        self._counters = {address: counter for counter, address in addresses.items()}
        self._shown = shown
        self._random = random.Random(seed)
        self._echoes: dict[bytes, asyncio.Event] = {}
        self._keyboards = {counter: asyncio.Lock() for counter in addresses}
        self._answers: set[asyncio.Task[None]] = set()
        self._buffer = bytearray()
        wire.listen(self._hear)

    async def press(self, counter: str, key: str) -> bool:
        """Press a key and send until its echo is heard; False when given up after five repeats."""
        frame = BusFrame(self._addresses[counter], _KEY, KEYS[key])
        return await self._say(counter, frame, frame.encode())

    async def rate(self, counter: str, rating: int) -> bool:
        """Press 1 to 5 at the evaluator; the host answers it as a key with the rating."""
        address, data = self._addresses[counter], bytes([rating])
        return await self._say(counter, BusFrame(address, _RATING, data), BusFrame(address, _KEY, data).encode())

    async def _say(self, counter: str, frame: BusFrame, expected: bytes) -> bool:
        self.in_flight += 1
        try:
            async with self._keyboards[counter]:
                return await self._say_until(frame.encode(), expected)
        finally:
            self.in_flight -= 1

    async def _say_until(self, wire: bytes, expected: bytes) -> bool:
        heard = self._echoes[expected] = asyncio.Event()
        try:
            for _ in range(1 + _REPEATS):
                await self._wire.send(self.faults.sent(wire))
                try:
                    async with asyncio.timeout(_ANSWER_S + self._random.uniform(0, _RANDOM_S)):
                        await heard.wait()
                except TimeoutError:
                    continue
                return True
            return False
        finally:
            del self._echoes[expected]

    def _hear(self, received: bytes) -> None:
        if not self.faults.hears():
            return
        self._buffer += received
        for frame in bus_frames(self._buffer):
            if echoed := self._echoes.get(frame.encode()):
                echoed.set()
            elif counter := self._counters.get(frame.address):
                self._obey(counter, frame)

    def _obey(self, counter: str, frame: BusFrame) -> None:
        display = self.displays[counter]
        if frame.command == _SHOW and len(frame.data) == 6:
            if display.show(places(frame.data)):
                self._shown(counter, display.ticket)
        elif frame.command == _BEEP:
            display.beeps += 1
        elif frame.command == _PRESENT and not frame.data:
            answer = asyncio.get_running_loop().create_task(self._wire.send(self.faults.sent(frame.encode())))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)
