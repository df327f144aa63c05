"""A plain serial ticket machine (format E): sends again until acknowledged, asks for the clock, tells its uptime and paper."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from devices.simulated.clock import Clock
from devices.simulated.faults import Faults
from devices.simulated.frames import KEYS
from devices.simulated.machine_frames import (
    ACKNOWLEDGEMENT,
    ACTIONS,
    CALL,
    CLOCK,
    CLOCK_REQUEST,
    HEARTBEAT,
    ISSUED,
    KEY,
    STATUS,
    MachineFrame,
    issued,
    machine_frames,
)
from devices.simulated.scenario import midnight_of
from devices.simulated.wire import Wire

_SOURCE: Final = 0x01
_AGAIN_S, _REPEATS = 0.2, 3
_WRAPS_AT: Final = 1 << 16
_HIGHEST: Final = 999


class SerialTicketMachine:
    """Prints tickets and tells each until type 06 answers it, or gives it up after three repeats.

    `patient`: begins again with the same frame and number instead of giving up, as machines with a journal do;
    `called` is told of every call of the host, `{"ticket", "counter", "action"}`.
    """

    def __init__(
        self,
        wire: Wire,
        clock: Clock,
        called: Callable[[Mapping[str, Any]], None],
        *,
        patient: bool = False,
        heartbeat_s: float = 5.0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.acknowledged: list[str] = []  # names of tickets, in order
        self.given_up: list[str] = []
        self.clock_s: int | None = None  # what the host said the time is
        self.in_flight = 0
        self._wire, self._clock, self._called = wire, clock, called
        self._patient, self._heartbeat_s = patient, heartbeat_s
        self._sequence, self._began = 0, clock.now()
        self._numbers: dict[str, int] = {}
        self._day = 0.0
        self._answers: dict[int, asyncio.Event] = {}
        self._speaking = asyncio.Lock()
        self._acks: set[asyncio.Task[None]] = set()
        self._buffer = bytearray()
        wire.listen(self._hear)

    async def run(self) -> None:
        """Ask for the clock, then beat until cancelled."""
        await self._once(CLOCK_REQUEST)
        while True:
            await self._once(HEARTBEAT, round(self._clock.now() - self._began).to_bytes(4, "big"))
            await asyncio.sleep(self._heartbeat_s)

    async def issue(self, prefix: str, class_: str, *, printed: int = 0) -> tuple[str, bool]:
        """Print a ticket and tell it; its name, and whether the host has it."""
        if (midnight := midnight_of(self._clock.now())) != self._day:
            self._day, self._numbers = midnight, {}
        number = self._numbers[prefix] = self._numbers.get(prefix, 0) % _HIGHEST + 1
        ticket = f"{prefix}{number:03d}"
        kept = await self._tell(ISSUED, issued(prefix, number, class_, printed))
        (self.acknowledged if kept else self.given_up).append(ticket)
        return ticket, kept

    async def press(self, key: str) -> bool:
        """A key at the machine: a name of format A that is one byte there, or a letter `A` to `Z` that asks for a ticket."""
        return await self._tell(KEY, KEYS.get(key) or key.encode("ascii"))

    async def status(self, *, paper: int = 0, cover: int = 0, fault: int = 0) -> bool:
        """Tell paper (0 good, 1 near end, 2 end), cover (1 open) and a fault code."""
        return await self._tell(STATUS, bytes([paper, cover, fault]))

    async def call(self, counter: int, ticket: str, action: str) -> bool:
        """The machine itself decides: it tells that `ticket` is called (or served ...) at `counter`."""
        return await self._tell(
            CALL, bytes([counter, ord(ticket[0])]) + int(ticket[1:]).to_bytes(2, "big") + bytes([ACTIONS.index(action)])
        )

    def restart(self) -> None:
        """As after a power failure: the sequence and the uptime begin anew."""
        self._sequence, self._began = 0, self._clock.now()

    async def _once(self, type_: int, payload: bytes = b"") -> None:
        await self._wire.send(self.faults.sent(self._frame(type_, payload).encode()))

    async def _tell(self, type_: int, payload: bytes) -> bool:
        self.in_flight += 1
        try:
            async with self._speaking:
                frame = self._frame(type_, payload)
                while not (kept := await self._tell_frame(frame)) and self._patient:
                    continue
                return kept
        finally:
            self.in_flight -= 1

    async def _tell_frame(self, frame: MachineFrame) -> bool:
        heard = self._answers[frame.sequence] = asyncio.Event()
        try:
            for _ in range(1 + _REPEATS):
                await self._wire.send(self.faults.sent(frame.encode()))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await heard.wait()
                        return True
            return False
        finally:
            del self._answers[frame.sequence]

    def _frame(self, type_: int, payload: bytes) -> MachineFrame:
        self._sequence = (self._sequence + 1) % _WRAPS_AT
        return MachineFrame(_SOURCE, self._sequence, type_, payload)

    def _hear(self, received: bytes) -> None:
        if not self.faults.hears():
            return
        self._buffer += received
        for frame in machine_frames(self._buffer):
            if frame.type == ACKNOWLEDGEMENT and (heard := self._answers.get(frame.sequence)):
                heard.set()
            elif frame.type == CLOCK:
                self.clock_s = int.from_bytes(frame.payload, "big")
            elif frame.type == CALL and len(frame.payload) == 5:
                self._take_call(frame)

    def _take_call(self, frame: MachineFrame) -> None:
        counter, letter, high, low, action = frame.payload
        named = ACTIONS[action] if action < len(ACTIONS) else ""
        self._called({"ticket": f"{chr(letter)}{high << 8 | low:03d}", "counter": str(counter), "action": named})
        acknowledgement = MachineFrame(_SOURCE, frame.sequence, ACKNOWLEDGEMENT).encode()
        task = asyncio.get_running_loop().create_task(self._wire.send(self.faults.sent(acknowledgement)))
        self._acks.add(task)
        task.add_done_callback(self._acks.discard)
