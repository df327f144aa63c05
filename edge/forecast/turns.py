"""Turns: how long a customer takes a counter, as quantiles, from the times seen today and those of other days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
"""Seconds at the probabilities `PROBABILITIES`, never falling."""

PROBABILITIES: Final = np.linspace(0.0, 1.0, 101)
_PRIOR_WEIGHT: Final = 12  # times of other days count together as so many of today
_TAIL: Final = 0.6  # who is there longer than anybody was before stays on for this part of the mean, on average


def quantiles(times: Sequence[float]) -> Grid | None:
    """The grid of times in seconds; None of none."""
    return np.quantile(np.asarray(times, dtype=np.float64), PROBABILITIES) if len(times) else None


def turn_grid(today: Sequence[float], before: Grid | None) -> Grid | None:
    """Quantiles of a turn, in seconds; None when nothing is known.

    The shape is that of other days, where there are any; the level is today's mean drawn towards theirs by its count.
    """
    if before is None:
        return quantiles(today)
    mean = float(before.mean())
    level = (_PRIOR_WEIGHT * mean + float(sum(today))) / (_PRIOR_WEIGHT + len(today))
    return before * (level / mean if mean > 0 else 1.0)


def drawn(grid: Grid, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turns in seconds at the probabilities `uniform`."""
    return np.interp(uniform, PROBABILITIES, grid)


def remaining(grid: Grid, elapsed_s: float, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left, in seconds, of a turn that has already taken `elapsed_s`."""
    begun = float(np.interp(elapsed_s, grid, PROBABILITIES))
    if begun >= 1.0 - 1e-9:
        return -np.log1p(-uniform) * _TAIL * float(np.mean(grid))
    return np.maximum(np.interp(begun + (1.0 - begun) * uniform, PROBABILITIES, grid) - elapsed_s, 0.0)
