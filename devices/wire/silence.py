"""What the silence of a device that speaks regularly means."""

from __future__ import annotations

from typing import Final

_STALE_PERIODS: Final = 3
_OFFLINE_PERIODS: Final = 6


def state_after(silent_s: float, period_s: float) -> str:
    """`online`, `stale` after more than three periods in which nothing came, `offline` after more than six."""
    periods = silent_s / period_s
    return "offline" if periods > _OFFLINE_PERIODS else "stale" if periods > _STALE_PERIODS else "online"
