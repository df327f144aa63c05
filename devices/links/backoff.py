"""Backoff: how long to wait before a wire is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.1
MOST_S: Final = 30.0
HELD_S: Final = 10.0  # a wire that held this long was no failed attempt: the next wait is a first one again


class Backoff:
    """Doubling from 0.1 s to 30 s, each wait drawn between nothing and that (full jitter), so that many boxes do not come at once."""

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._failures = 0

    def next_s(self, held_s: float = 0.0) -> float:
        """Seconds to wait now, after an attempt whose wire held for `held_s`."""
        self._failures = 0 if held_s >= HELD_S else self._failures
        most_s = min(MOST_S, FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._draw(0.0, most_s)
