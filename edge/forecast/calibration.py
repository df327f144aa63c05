"""Calibration: the upper point moved, as outcomes come in, to where nine in ten really are (conformal prediction).

Split conformal prediction on a rolling window, by size of the forecast (Mondrian; Vovk et al. 2005), in units of the
model's own spread (Romano et al. 2019), at a level that follows the coverage that came (Gibbs and Candès 2021).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from edge.forecast.wait import Wait

COVERAGE: Final = 0.9
_AIMED: Final = 0.905  # a little above, for outcomes of long waits come late
_BANDS: Final = 3
_KEPT: Final = 300  # outcomes, in each band
_SIZES: Final = 600  # forecasts from which the bands are cut
_CUT_EACH: Final = 25
_PRIOR: Final = 10  # the model's own upper point counts as so many outcomes at first
_SPREAD_MIN_S: Final = 15.0
_FOLLOWS: Final = 0.012  # how much one outcome moves the level
_LEVELS: Final = (0.8, 0.985)


class Calibration:
    """Outcomes beside their forecasts, in bands by the size of the forecast; bounded."""

    def __init__(self, levels: Sequence[float] = (_AIMED,) * _BANDS) -> None:
        """For a model made anew; `levels` (of each band) may be those found for the one before."""
        self._sizes_s: deque[float] = deque(maxlen=_SIZES)
        self._seen = 0
        self._above: tuple[deque[float], ...] = tuple(deque(maxlen=_KEPT) for _ in range(_BANDS))  # outcomes, in spreads above p50
        self._levels = list(levels)
        self._marks: tuple[float, ...] = ()

    @property
    def levels(self) -> tuple[float, ...]:
        """At which quantile of the outcomes the upper point of each band is taken just now."""
        return tuple(self._levels)

    def add(self, raw: Wait, wait_s: float, said: Wait | None = None) -> None:
        """What came of a forecast as it was before calibration, and as it was `said` to people where it was."""
        self._sizes_s.append(raw.p50_s)
        self._seen += 1
        if self._seen % _CUT_EACH == 0 or self._seen < _CUT_EACH:
            ordered = sorted(self._sizes_s)
            self._marks = tuple(ordered[len(ordered) * (i + 1) // _BANDS] for i in range(_BANDS - 1))
        band = self._band(raw)
        if said is not None:
            moved = self._levels[band] + _FOLLOWS * (_AIMED - (wait_s <= said.p90_s))
            self._levels[band] = min(_LEVELS[1], max(_LEVELS[0], moved))
        self._above[band].append((wait_s - raw.p50_s) / _spread(raw))

    def __call__(self, raw: Wait) -> Wait:
        """The forecast with its upper point where nine in ten of like outcomes were below it."""
        band = self._band(raw)
        like, spreads = np.array(self._above[band]), 1.0
        if len(like):
            level = min(1.0, self._levels[band] * (1 + 1 / len(like)))
            spreads = (_PRIOR + len(like) * float(np.quantile(like, level))) / (_PRIOR + len(like))
        return Wait(raw.p50_s, max(raw.p50_s, raw.p50_s + spreads * _spread(raw)))

    def _band(self, raw: Wait) -> int:
        return sum(raw.p50_s > mark for mark in self._marks)


def _spread(raw: Wait) -> float:
    return max(_SPREAD_MIN_S, raw.p90_s - raw.p50_s)
