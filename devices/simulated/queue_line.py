"""A queue sensor on a serial line (format H): how many stand and how long, every two seconds and at a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from devices.simulated.faults import Faults
from devices.simulated.frames import queue_line
from devices.simulated.wire import Wire

_LOOKS_EVERY_S: Final = 0.25


class QueueSensor:
    """`sees()` gives people standing and the longest of them in seconds, None when it cannot see."""

    def __init__(
        self, wire: Wire, zone: str, sees: Callable[[], tuple[int, float] | None], *, every_s: float = 2.0, faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.blind = False
        self._wire, self._zone, self._sees, self._every_s = wire, zone, sees, every_s

    async def run(self) -> None:
        """Speak until cancelled: at a change, and when it has said nothing for a while."""
        told: tuple[int, float] | None = None
        silent_s = self._every_s
        while True:
            seen = None if self.blind else self._sees()
            if silent_s >= self._every_s or _differs(seen, told):
                standing, longest_s = seen or (None, None)
                line = queue_line(self._zone, standing, None if longest_s is None else round(longest_s))
                await self._wire.send(self.faults.sent(line))
                told, silent_s = seen, 0.0
            await asyncio.sleep(_LOOKS_EVERY_S)
            silent_s += _LOOKS_EVERY_S


def _differs(seen: tuple[int, float] | None, told: tuple[int, float] | None) -> bool:
    """Another number stands, or sight came or went."""
    return (seen and seen[0]) != (told and told[0])
