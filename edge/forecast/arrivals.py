"""Arrivals: how many customers of a service are to be expected, by the time of day, from the days before."""

from __future__ import annotations

from typing import Final

_BIN_S: Final = 900
_BINS: Final = 86_400 // _BIN_S
_RATE: Final = 0.2  # how much the newest day of a weekday moves what is expected
_ANY: Final = -1  # of all weekdays together, for one that was never seen


class Arrivals:
    """Customers in quarters of an hour, by weekday, averaged over days with the newest weighing most."""

    def __init__(self) -> None:
        self._usual: dict[tuple[str, int], list[float]] = {}  # by service and weekday
        self._seen: set[int] = set()  # weekdays
        self._today: dict[str, list[int]] = {}

    def came(self, service: str, second_of_day: float) -> None:
        """A customer has come."""
        self._today.setdefault(service, [0] * _BINS)[int(second_of_day // _BIN_S) % _BINS] += 1

    def day_over(self, weekday: int) -> None:
        """The day becomes part of what is expected; one on which nobody came was none."""
        if not self._today:
            return
        for day in (weekday, _ANY):
            for service in {*self._today, *(s for s, d in self._usual if d == day)}:
                came = self._today.get(service, [0] * _BINS)
                usual = self._usual.get((service, day))
                self._usual[service, day] = (
                    [u + _RATE * (c - u) for u, c in zip(usual, came, strict=True)] if usual else [float(c) for c in came]
                )
            self._seen.add(day)
        self._today = {}

    def expected(self, service: str, from_s: float, to_s: float, weekday: int) -> float | None:
        """Customers between two seconds of a day; None before the first day is over."""
        if not self._seen:
            return None
        usual = self._usual.get((service, weekday if weekday in self._seen else _ANY))
        if usual is None:
            return 0.0
        bins = range(int(from_s // _BIN_S), min(_BINS, int(to_s // _BIN_S) + 1))
        return sum(usual[i] * max(0.0, min(to_s, (i + 1) * _BIN_S) - max(from_s, i * _BIN_S)) / _BIN_S for i in bins)
