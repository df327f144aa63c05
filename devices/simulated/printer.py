"""A ticket printer that speaks ESC/POS (format D): prints what it is sent, confirms it, and runs out of paper."""

from __future__ import annotations

import asyncio
from typing import Final

from devices.simulated.faults import Faults
from devices.simulated.wire import Wire

_ASKS_SENSOR: Final = b"\x10\x04\x04"
_RESET, _CUT = b"\x1b\x40", b"\x1d\x56\x42\x00"
_CONFIRMATION: Final = b"\x1d\x28\x48\x06\x00\x30\x30"
_SIZE: Final = b"\x1d\x21"
_NEAR_END, _END, _FIXED_BITS = 0x0C, 0x60, 0x12
_LONGEST: Final = 4096


class EscPosPrinter:
    """`left` is how many tickets the paper is good for; `confirms` whether it answers GS ( H."""

    def __init__(self, wire: Wire, *, left: int = 400, near_end: int = 30, confirms: bool = True, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.left = left
        self.printed: list[str] = []  # the text of each ticket cut
        self._wire, self._near_end, self._confirms = wire, near_end, confirms
        self._buffer, self._text = bytearray(), bytearray()
        self._cut_well = True
        self._answers: asyncio.Queue[bytes] = asyncio.Queue(64)
        wire.listen(self._hear)

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._wire.send(self.faults.sent(await self._answers.get()))

    def sensor(self) -> int:
        """The paper sensor's byte: bits 2,3 near end, bits 5,6 end."""
        end = _END if self.left <= 0 else 0
        return _FIXED_BITS | end | (_NEAR_END if self.left <= self._near_end else 0)

    def _hear(self, received: bytes) -> None:
        if not self.faults.hears():
            return
        self._buffer += received
        while self._buffer and self._take():
            pass
        del self._buffer[:-_LONGEST]

    def _take(self) -> bool:
        """Obey what stands at the head of the buffer; False where it is not whole yet."""
        for command, size in ((_ASKS_SENSOR, 3), (_RESET, 2), (_CUT, 4), (_CONFIRMATION, 11), (_SIZE, 3)):
            if self._buffer[: len(command)] == command[: len(self._buffer)] and self._buffer[0] < 0x20:
                if len(self._buffer) < size:
                    return False
                self._obey(command, bytes(self._buffer[len(command) : size]))
                del self._buffer[:size]
                return True
        self._text.append(self._buffer.pop(0))
        del self._text[:-_LONGEST]
        return True

    def _obey(self, command: bytes, operand: bytes) -> None:
        if command == _ASKS_SENSOR:
            self._answer(bytes([self.sensor()]))
        elif command == _RESET:
            self._text.clear()
        elif command == _CUT:
            self._cut()
        elif command == _CONFIRMATION and self._confirms and self._cut_well:
            self._answer(b"\x37\x22" + operand + b"\x00")

    def _cut(self) -> None:
        self._cut_well = self.left > 0  # without paper nothing after this is confirmed until there is some again
        if self._cut_well:
            self.left -= 1
            self.printed.append(self._text.decode("gb18030", "replace").strip())
        self._text.clear()

    def _answer(self, said: bytes) -> None:
        if not self._answers.full():
            self._answers.put_nowait(said)
