"""Clocks of a simulated branch: anything that tells unix time, and one that runs faster than the machine's."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in unix seconds."""

    def now(self) -> float: ...


class RunningClock:
    """Begins at `start` (unix seconds) when made, and runs `speed` times as fast as the machine's."""

    def __init__(self, start: float, speed: float = 1.0) -> None:
        self._start, self._speed, self._began = start, speed, time.monotonic()

    def now(self) -> float:
        """Unix time in seconds."""
        return self._start + (time.monotonic() - self._began) * self._speed
