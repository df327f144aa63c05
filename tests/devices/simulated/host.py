"""The host's end of a simulated wire: a real tty, opened and read as a program on the box would."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class Host:
    """Hears all that comes on a tty; `until(test)` waits for what a test expects of it."""

    def __init__(self, path: str) -> None:
        self.heard = bytearray()
        self.pieces: list[bytes] = []
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._file, self._read)

    def _read(self) -> None:
        try:
            received = os.read(self._file, 4096)
        except OSError:
            received = b""
        if not received:  # hung up
            asyncio.get_running_loop().remove_reader(self._file)
        self.heard += received
        self.pieces.append(received)
        self._news.set()

    def say(self, wire: bytes) -> None:
        os.write(self._file, wire)

    async def until(self, test: Callable[[bytes], bool]) -> bytes:
        """All heard so far once `test` holds for it."""
        async with asyncio.timeout(10):
            while not test(bytes(self.heard)):
                self._news.clear()
                await self._news.wait()
        return bytes(self.heard)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)


async def until(test: Callable[[], object]) -> None:
    """Return once `test` holds."""
    async with asyncio.timeout(15):
        while not test():  # noqa: ASYNC110 (what devices come to has no event of its own)
            await asyncio.sleep(0.005)
