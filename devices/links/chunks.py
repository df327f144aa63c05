"""Chunks: a reader's own bounded queue of what came in on a byte wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Self

_MOST_CHUNKS: Final = 256
_MOST_BYTES: Final = 1 << 20


class Chunks(AsyncIterator[bytes]):
    """Chunks in order of arrival; when the reader is too slow the oldest are dropped and counted in `lost`."""

    def __init__(self) -> None:
        self.lost = 0
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._came = asyncio.Event()
        self._drained = asyncio.Event()

    def put(self, chunk: bytes) -> None:
        """Hand a chunk to the reader; never waits."""
        self._waiting.append(chunk)
        self._size += len(chunk)
        while len(self._waiting) > _MOST_CHUNKS or (self._size > _MOST_BYTES and len(self._waiting) > 1):
            self._size -= len(self._waiting.popleft())
            self.lost += 1
        self._came.set()
        self._drained.clear()

    def take_all(self) -> bytes:
        """All that waits, at once."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return taken

    def close(self) -> None:
        """Nobody reads any more."""
        self.take_all()
        self._drained.set()

    def done(self) -> None:
        """The reader has what it wanted and does not come back for more just now."""
        self._drained.set()

    async def drained(self) -> None:
        """Return when the reader has come back for more, or does not read any more."""
        await self._drained.wait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)  # a line that never falls silent must leave others their turn
        while not self._waiting:
            self._came.clear()
            self._drained.set()
            await self._came.wait()
        chunk = self._waiting.popleft()
        self._size -= len(chunk)
        return chunk
