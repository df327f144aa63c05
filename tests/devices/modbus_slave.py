"""A Modbus RTU line behind a TCP port, byte for byte: slaves with registers, silent ones, and such as refuse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from devices.driver import LinkSettings
from devices.links.lines import Lines
from devices.reading import Sample
from tests.devices.fakes import FakeBranch


def crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


def sealed(frame: bytes) -> bytes:
    return frame + crc(frame)


class SlaveLine:
    """What hangs on the line: `registers[unit][register]`; `asked` keeps every request as it stood on the wire."""

    def __init__(self) -> None:
        self.registers: dict[int, dict[int, int]] = {}
        self.asked: list[bytes] = []
        self.answered: list[bytes] = []
        self.silent: set[int] = set()
        self.refuses: dict[tuple[int, int], int] = {}  # (unit, function) -> exception code
        self.deaf = False  # writes are acknowledged, and nothing comes of them
        self._serving: set[asyncio.Task[Any]] = set()
        self.after_write: Callable[[int, int, int], None] = lambda unit, register, word: None

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = await reader.readexactly(7)
            frame += await reader.readexactly(1 if frame[1] != 0x10 else frame[6] + 2)
            self.asked.append(frame)
            if frame[0] in self.silent or frame[0] not in self.registers:
                continue
            answer = sealed(self._answer(frame))
            self.answered.append(answer)
            writer.write(answer)

    def _answer(self, frame: bytes) -> bytes:
        assert crc(frame[:-2]) == frame[-2:], "a request with a wrong checksum"
        unit, function, register, count = frame[0], frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        if (code := self.refuses.get((unit, function))) is not None:
            return bytes((unit, function | 0x80, code))
        if function in (3, 4):
            words = [self.registers[unit].get(register + at, 0) for at in range(count)]
            return bytes((unit, function, 2 * count)) + b"".join(word.to_bytes(2, "big") for word in words)
        if function == 6:
            self._write(unit, register, [count])
        else:
            self._write(unit, register, [int.from_bytes(frame[7 + 2 * at : 9 + 2 * at], "big") for at in range(count)])
        return frame[:6]

    def _write(self, unit: int, register: int, words: list[int]) -> None:
        for at, word in enumerate(words, register):
            if not self.deaf:
                self.registers[unit][at] = word
            self.after_write(unit, at, word)

    def writes(self) -> list[bytes]:
        """The requests that write."""
        return [frame for frame in self.asked if frame[1] in (6, 16)]

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[dict[str, str]]:
        """The `link` of a device on this line."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield {"tcp": f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "framing": "modbus-rtu"}
        finally:
            server.close()
            await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._answer_all(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class WiredBranch(FakeBranch):
    """A fake branch with real lines; the driver begins once its line is open, or with `opened=False` at once."""

    def __init__(self, lines: Lines, device: str = "device", *, opened: bool = True) -> None:
        super().__init__()
        self.device = device
        self._opened = opened
        self._lines = lines

    @contextlib.asynccontextmanager
    async def open(self, settings: LinkSettings[Any]) -> AsyncIterator[Any]:
        def told(sample: Sample) -> None:
            self.measured(sample)

        async with self._lines.open(settings, self.device, told) as link:
            if self._opened:
                await self.until(lambda: link._owner._wire.is_open)
            yield link
