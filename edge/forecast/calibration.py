"""Calibration: the upper point moved, as outcomes come in, to where nine in ten really are (conformal prediction).

Split conformal prediction on a rolling window, by size of the forecast (Mondrian; Vovk et al. 2005), in units of the
model's own spread (Romano et al. 2019).
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from edge.forecast.wait import Wait

_KEPT: Final = 600
_BANDS: Final = 3
_PRIOR: Final = 20  # the model's own upper point counts as so many outcomes at first
_SPREAD_MIN_S: Final = 15.0


class Calibration:
    """Outcomes beside their forecasts; bounded."""

    def __init__(self, coverage: float = 0.9) -> None:
        self._coverage = coverage
        self._seen: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # p50, and the outcome in spreads above it

    def add(self, raw: Wait, wait_s: float) -> None:
        """What came of a forecast as it was before calibration."""
        self._seen.append((raw.p50_s, (wait_s - raw.p50_s) / _spread(raw)))

    def __call__(self, raw: Wait) -> Wait:
        """The forecast with its upper point where `coverage` of like outcomes were below it."""
        if not self._seen:
            return raw
        seen = np.array(self._seen)
        marks = np.quantile(seen[:, 0], np.linspace(0, 1, _BANDS + 1)[1:-1])
        like = seen[np.searchsorted(marks, seen[:, 0]) == np.searchsorted(marks, raw.p50_s), 1]
        level = min(1.0, self._coverage * (1 + 1 / max(1, len(like))))
        spreads = (_PRIOR * 1.0 + len(like) * float(np.quantile(like, level))) / (_PRIOR + len(like)) if len(like) else 1.0
        return Wait(raw.p50_s, max(raw.p50_s, raw.p50_s + spreads * _spread(raw)))


def _spread(raw: Wait) -> float:
    return max(_SPREAD_MIN_S, raw.p90_s - raw.p50_s)
