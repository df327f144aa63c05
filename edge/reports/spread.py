"""Spread: how times lie, in the four numbers that a review shows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np


class Spread(msgspec.Struct, frozen=True):
    """Of `count` times, in seconds."""

    count: int
    mean_s: float
    p50_s: float
    p90_s: float


def spread(seconds: Sequence[float]) -> Spread | None:
    """None of none."""
    if not seconds:
        return None
    p50_s, p90_s = np.quantile(seconds, (0.5, 0.9))
    return Spread(len(seconds), float(np.mean(seconds)), float(p50_s), float(p90_s))
