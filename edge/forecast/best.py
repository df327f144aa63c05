"""Best: which of several forecasts has been nearest lately (following the leader, with a handicap)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_RATE: Final = 0.03  # how much the newest error moves the average
_ENOUGH: Final = 20  # errors seen of a challenger before it may lead
_HANDICAP: Final = 0.8  # a challenger leads while its error is below this part of the favourite's


class Best:
    """Mean absolute errors by name, the newest weighing most."""

    def __init__(self) -> None:
        self._errors: dict[str, tuple[int, float]] = {}

    def add(self, said_s: Mapping[str, float], wait_s: float) -> None:
        """What came of these forecasts, all in seconds."""
        for name, seconds in said_s.items():
            count, mean_s = self._errors.get(name, (0, 0.0))
            count += 1
            self._errors[name] = (count, mean_s + max(_RATE, 1 / count) * (abs(seconds - wait_s) - mean_s))

    def of(self, said_s: Mapping[str, float]) -> str:
        """The name to go by: the first (the favourite), or another that has been clearly nearer."""
        favourite, *others = said_s
        known = self._errors.get(favourite, (0, 0.0))
        best, to_beat_s = favourite, known[1] * _HANDICAP if known[0] >= _ENOUGH else 0.0
        for name in others:
            count, mean_s = self._errors.get(name, (0, 0.0))
            if count >= _ENOUGH and mean_s < to_beat_s:
                best, to_beat_s = name, mean_s
        return best
