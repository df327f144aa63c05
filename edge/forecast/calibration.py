"""Calibration: the upper point moved, as outcomes come in, to where nine in ten really are (conformal prediction).

Split conformal prediction on a rolling window, by size of the forecast (Mondrian; Vovk et al. 2005), in units of the
model's own spread (Romano et al. 2019), at a level that follows the coverage that came (Gibbs and Candès 2021).
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from edge.forecast.wait import Wait

COVERAGE: Final = 0.9
_KEPT: Final = 900
_BANDS: Final = 3
_PRIOR: Final = 10  # the model's own upper point counts as so many outcomes at first
_SPREAD_MIN_S: Final = 15.0
_FOLLOWS: Final = 0.008  # how much one outcome moves the level
_LEVELS: Final = (0.8, 0.985)


class Calibration:
    """Outcomes beside their forecasts; bounded."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # p50, and the outcome in spreads above it
        self._levels = [COVERAGE] * _BANDS

    def add(self, raw: Wait, wait_s: float, said: Wait | None = None) -> None:
        """What came of a forecast as it was before calibration, and as it was `said` to people where it was."""
        if said is not None and self._seen:
            band = int(np.searchsorted(self._marks(np.array(self._seen)), raw.p50_s))
            moved = self._levels[band] + _FOLLOWS * (COVERAGE - (wait_s <= said.p90_s))
            self._levels[band] = min(_LEVELS[1], max(_LEVELS[0], moved))
        self._seen.append((raw.p50_s, (wait_s - raw.p50_s) / _spread(raw)))

    def __call__(self, raw: Wait) -> Wait:
        """The forecast with its upper point where nine in ten of like outcomes were below it."""
        if not self._seen:
            return raw
        seen = np.array(self._seen)
        marks = self._marks(seen)
        band = int(np.searchsorted(marks, raw.p50_s))
        like = seen[np.searchsorted(marks, seen[:, 0]) == band, 1]
        spreads = 1.0
        if len(like):
            level = min(1.0, self._levels[band] * (1 + 1 / len(like)))
            spreads = (_PRIOR + len(like) * float(np.quantile(like, level))) / (_PRIOR + len(like))
        return Wait(raw.p50_s, max(raw.p50_s, raw.p50_s + spreads * _spread(raw)))

    @staticmethod
    def _marks(seen: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(np.quantile(seen[:, 0], np.linspace(0, 1, _BANDS + 1)[1:-1]))


def _spread(raw: Wait) -> float:
    return max(_SPREAD_MIN_S, raw.p90_s - raw.p50_s)
