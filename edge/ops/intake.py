"""Intake: requests as they arrive, a bounded number of them; who comes when it is full is told to ask again."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import msgspec

from edge.ops.requests import LARGEST

MOST: Final = 256


class Asked(msgspec.Struct, frozen=True):
    """A request as it came; `why_not` says why it is not looked at."""

    verb: str
    payload: bytes
    why_not: str | None = None


class Intake:
    """What waits to be answered, in order; of those turned away the newest are told so, the others are counted."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: deque[Asked] = deque()
        self._turned_away: deque[Asked] = deque(maxlen=most)
        self._came = asyncio.Event()
        self.turned_away = 0

    def take(self, verb: str, payload: bytes, *, retained: bool) -> None:
        """A request has come; never waits. No more of one is kept than shows that it is too large."""
        if retained:
            why = "a request is not retained, or it would come again with every connection; publish it without retain"
            self._turned_away.append(Asked(verb, payload[: LARGEST + 1], why))
        elif len(self._waiting) >= self._most:
            self.turned_away += 1
            self._turned_away.append(Asked(verb, payload[: LARGEST + 1], f"{self._most} requests wait already; ask again later"))
        else:
            self._waiting.append(Asked(verb, payload[: LARGEST + 1]))
        self._came.set()

    async def next(self) -> Asked:
        """The next to answer; those turned away first, for that is quickly done."""
        while not (self._turned_away or self._waiting):
            self._came.clear()
            await self._came.wait()
        return self._turned_away.popleft() if self._turned_away else self._waiting.popleft()
