"""Wait: how long someone who takes a ticket now will wait, as a distribution's two points."""

from __future__ import annotations

import msgspec


class Wait(msgspec.Struct, frozen=True):
    """Seconds until called: the median, and what nine in ten will not wait longer than."""

    p50_s: float
    p90_s: float
