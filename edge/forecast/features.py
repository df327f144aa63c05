"""Features: what is known of a line at a moment, as the row of numbers that the learned forecast goes by."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNKNOWN: Final = -1.0
"""Stands for what is not known in a row; nothing here is negative when known."""


class Features(msgspec.Struct, frozen=True):
    """The row by its names; seconds, counts, hours."""

    likely_p50_s: float  # of the simulated line
    likely_p90_s: float
    queue_length_s: float
    last_to_enter_s: float
    head_of_line_s: float
    rolling_mean_s: float
    mean_last_waits_s: float
    ahead: float  # who waits for the same service
    waiting: float  # all
    counters_open: float  # that give the service
    counters_usual: float  # seen giving it in this half hour on other days
    counters_usual_next: float  # and in the next one
    counters_usual_later: float  # and in the one after
    turn_mean_s: float
    since_call_s: float
    calls_lately: float  # of the service, in 20 minutes
    arrivals_lately: float  # in 20 minutes
    arrivals_usual: float  # in the next hour of other days
    paced_s: float  # those ahead at the pace of the calls lately
    hour: float
    weekday: float
    service: float
    class_credit_s: float
    busy_elapsed_s: float  # of the customers now being served, on average

    @property
    def base_s(self) -> float:
        """The forecast that learning starts from: the simulated line, else the rolling mean, else ten minutes."""
        return next((value for value in (self.likely_p50_s, self.rolling_mean_s) if value != UNKNOWN), 600.0)

    def row(self) -> Floats:
        """As numbers, in the order of the names."""
        return np.array(msgspec.structs.astuple(self), dtype=np.float64)
