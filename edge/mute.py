"""A branch that only listens: drivers run on it to try or capture a device, and nothing is acknowledged or done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from devices.driver import LinkSettings
from devices.reading import Command, Occurrence, Outcome, Sample
from edge.clock import MachineClock
from edge.handed import Wires

L = TypeVar("L")


class MuteBranch:
    """`devices.driver.Branch` for a device that is only listened to; what happens at it stays with it, to be told again."""

    def __init__(self, device: str, wires: Wires, heard: Callable[[Sample | Occurrence], None]) -> None:
        self._device, self._wires, self._heard = device, wires, heard
        self._clock = MachineClock()

    @property
    def device(self) -> str:
        return self._device

    def now(self) -> float:
        return self._clock.now()

    def measured(self, sample: Sample) -> None:
        self._heard(sample)

    async def happened(self, occurrence: Occurrence) -> None:
        """Never returns: it is not kept, so it must not be acknowledged."""
        self._heard(occurrence)
        await asyncio.Event().wait()

    async def commands(self) -> AsyncIterator[Command]:
        await asyncio.Event().wait()
        yield Command("", None)

    def done(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        """Nothing is ever commanded."""

    def open(self, settings: LinkSettings[L]) -> AbstractAsyncContextManager[L]:
        return self._wires.open(settings, self._device, self.measured)
