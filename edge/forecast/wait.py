"""Wait and Forecast: how long people will wait, as two points of a distribution, by service and by ticket."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Wait(msgspec.Struct, frozen=True):
    """Seconds until called: the median, and what nine in ten will not wait longer than."""

    p50_s: float
    p90_s: float


class Forecast(msgspec.Struct, frozen=True):
    """What is expected just now; None is "not known" (no counter open, nothing ever seen), which is not zero."""

    by_service: Mapping[str, Wait | None] = msgspec.field(default_factory=dict)  # of someone who takes a ticket now
    by_ticket: Mapping[str, Wait | None] = msgspec.field(default_factory=dict)  # of those waiting: seconds from now
