"""Clocks: the machine's own, one that is moved by hand, and how a moment is written."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations; both in seconds."""

    rate: float  # seconds of `now` in a second of `monotonic`; 1 but in a simulation

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class MachineClock:
    """The machine's own clocks."""

    rate = 1.0

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class FastClock:
    """A simulated day that begins at `start` and runs `rate` times as fast as the machine's monotonic clock."""

    def __init__(self, start: float, rate: float, began: float | None = None) -> None:
        """`began`: the machine's monotonic clock at `start`; processes that share a day share this."""
        self.start, self.rate, self.began = start, rate, time.monotonic() if began is None else began

    def now(self) -> float:
        return self.start + (time.monotonic() - self.began) * self.rate

    def monotonic(self) -> float:
        return time.monotonic()


class SetClock:
    """A clock that stands until it is moved: for replay, simulation and tests."""

    rate = 1.0

    def __init__(self, now: float) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance_to(self, now: float) -> None:
        """Move to `now`; the monotonic clock never goes back."""
        self._monotonic += max(0.0, now - self._now)
        self._now = now


def written(t: float, zone: tzinfo) -> str:
    """`t` (unix seconds) as ISO 8601 in `zone`, to the millisecond."""
    return datetime.fromtimestamp(t, zone).isoformat(timespec="milliseconds")


def read(text: str, zone: tzinfo) -> float:
    """Unix seconds of an ISO 8601 moment; one without an offset is taken in `zone`.

    Raises:
        ValueError: not a moment.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def day_of(t: float, zone: tzinfo) -> str:
    """The local day of `t`, `YYYY-MM-DD`."""
    return datetime.fromtimestamp(t, zone).strftime("%Y-%m-%d")
