"""The branch as a driver is handed it: its engine, its device's mailbox, and the wires."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from devices.driver import LinkSettings
from devices.reading import Command, Occurrence, Outcome, Sample
from edge.engine import Engine

L = TypeVar("L")


class Wires(Protocol):
    """What opens links: the real lines, or recorded ones."""

    def open(self, settings: LinkSettings[L], device: str, told: Callable[[Sample], None]) -> AbstractAsyncContextManager[L]: ...


class Handed:
    """One device's branch (`devices.driver.Branch`)."""

    def __init__(self, device: str, engine: Engine, wires: Wires) -> None:
        self._device, self._engine, self._wires = device, engine, wires
        self._line_away = False
        self._said: Sample | None = None  # what the driver last said of the device's state

    @property
    def device(self) -> str:
        return self._device

    def now(self) -> float:
        return self._engine.clock.now()

    def measured(self, sample: Sample) -> None:
        if sample.quantity == "state" and not sample.part:
            self._said = sample
            if self._line_away:
                return  # the line's own reason is the truer one
        self._engine.measured(self._device, sample)

    def _line(self, sample: Sample) -> None:
        """The line went or is back; then what the driver had said of its device holds again."""
        self._line_away = sample.value == "offline"
        self._engine.measured(self._device, sample if self._line_away else self._said or sample)

    async def happened(self, occurrence: Occurrence) -> None:
        await self._engine.happened(self._device, occurrence)

    async def commands(self) -> AsyncIterator[Command]:
        async for command in self._engine.mailboxes[self._device].take():
            if command.until is not None and command.until < self.now():
                self.done(command, Outcome.EXPIRED)
            else:
                yield command

    def done(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        self._engine.outcome(command, outcome, detail)

    def open(self, settings: LinkSettings[L]) -> AbstractAsyncContextManager[L]:
        return self._wires.open(settings, self._device, self._line)
