"""Staffed: how many counters usually give a service, by weekday and half hour, from the days before."""

from __future__ import annotations

from typing import Final

_SLOT_S: Final = 1800
_RATE: Final = 0.25  # how much the newest day moves what is usual


class Staffed:
    """Counters that called someone of a service in a half hour, averaged over the days with the newest weighing most."""

    def __init__(self) -> None:
        self._usual: dict[tuple[str, int], float] = {}
        self._today: dict[tuple[str, int], set[str]] = {}

    def called(self, service: str, counter: str, second_of_day: float) -> None:
        """A counter has called someone of the service."""
        self._today.setdefault((service, int(second_of_day // _SLOT_S)), set()).add(counter)

    def day_over(self) -> None:
        """The day becomes part of what is usual."""
        if not self._today:
            return
        for key in self._usual.keys() | self._today.keys():
            counters = float(len(self._today.get(key, ())))
            self._usual[key] = self._usual[key] + _RATE * (counters - self._usual[key]) if key in self._usual else counters
        self._today = {}

    def usual(self, service: str, second_of_day: float) -> float | None:
        """Counters in that half hour; None before the first day is over."""
        return self._usual.get((service, int(second_of_day // _SLOT_S)), 0.0) if self._usual else None
