"""An infra-red beam counter at the door (format C): totals that wrap, told at a change and again and again."""

from __future__ import annotations

import asyncio
from typing import Final

from devices.simulated.faults import Faults
from devices.simulated.frames import beam_frame
from devices.simulated.wire import Wire

_BATTERY_MV, _FLATTEST_MV = 3600, 2800


class BeamCounter:
    """Counts people; `every_s` is how often it speaks without a change."""

    def __init__(
        self, wire: Wire, serial_number: str, *, every_s: float = 10.0, totals: tuple[int, int] = (0, 0), faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.totals: Final = list(totals)
        self._wire = wire
        self._serial_number = serial_number
        self._every_s = every_s
        self._told = totals
        self._sequence = 0
        self._battery_mv = _BATTERY_MV
        self._changed = asyncio.Event()
        self._speaking = asyncio.Lock()

    def count(self, direction: str, people: int) -> None:
        """People went `in` or `out`."""
        self.totals[direction == "out"] += people
        self._changed.set()

    def restart(self) -> None:
        """As after a new battery: totals and sequence from 0."""
        self.totals[:] = [0, 0]
        self._told, self._sequence, self._battery_mv = (0, 0), 0, _BATTERY_MV

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            self._changed.clear()
            await self.tell()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def tell(self) -> None:
        """Send one frame of what was counted since the last one."""
        async with self._speaking:
            await self._tell()

    async def _tell(self) -> None:
        totals = self.totals[0], self.totals[1]
        moved = totals[0] - self._told[0], totals[1] - self._told[1]
        self._sequence, self._told = self._sequence + 1, totals
        self._battery_mv = max(_FLATTEST_MV, self._battery_mv - (self._sequence % 256 == 0))
        frame = beam_frame(self._serial_number, battery_mv=self._battery_mv, moved=moved, totals=totals, sequence=self._sequence)
        await self._wire.send(self.faults.sent(frame))
