"""A half-duplex line: one voice at a time, nobody is talked over, and answers go before everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from devices.driver import DriverError

_QUIET_CHARACTERS: Final = 4
_PATIENCE_S: Final = 1.0


class BusyError(DriverError):
    """Somebody on the line speaks without a pause."""


class Wire(Protocol):
    """What is written to."""

    async def write(self, data: bytes) -> None: ...


class HalfDuplex:
    """When it is our turn to speak on `wire`, whose character takes `character_s` seconds."""

    def __init__(self, wire: Wire, character_s: float) -> None:
        self._wire = wire
        self._character_s = character_s
        self._clock = asyncio.get_running_loop().time
        self._quiet_from = 0.0
        self._voice = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._answers = 0
        self._no_answers = asyncio.Event()
        self._no_answers.set()

    def heard(self, *, characters_to_come: int = 0) -> None:
        """Somebody spoke just now, and `characters_to_come` of what was begun are not here yet."""
        self._quiet_from = max(self._quiet_from, self._clock() + self._characters(characters_to_come + _QUIET_CHARACTERS))

    async def answer(self, data: bytes) -> None:
        """Write as soon as the line is quiet, before whatever else waits.

        Raises:
            BusyError: the line did not fall quiet within a second.
            LinkDownError: the line is away.
        """
        self._answers += 1
        self._no_answers.clear()
        try:
            async with self._voice:
                await self._quiet()
                await self._speak(data)
        finally:
            self._answers -= 1
            if not self._answers:
                self._no_answers.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the line, so that nothing but answers is written by others; `say` only within."""
        async with self._turn:
            yield

    async def say(self, data: bytes) -> None:
        """Write when the line is quiet and no answer waits; errors as of `answer`."""
        while True:
            await self._no_answers.wait()
            await self._quiet()
            if self._answers:
                continue
            async with self._voice:  # free: only answers and the holder of the turn speak
                await self._speak(data)
            return

    async def _speak(self, data: bytes) -> None:
        await self._wire.write(data)
        self._quiet_from = self._clock() + self._characters(len(data) + _QUIET_CHARACTERS)

    async def _quiet(self) -> None:
        patience_until = max(self._clock(), self._quiet_from) + _PATIENCE_S
        while (wait_s := self._quiet_from - self._clock()) > 0:
            if self._clock() > patience_until:
                raise BusyError("somebody on the line speaks without a pause: find the device, or check the line's termination")
            await asyncio.sleep(wait_s)

    def _characters(self, number: int) -> float:
        return number * self._character_s
