"""Baselines: the peers of the queueing literature, made from the same history at the same moment.

QL, LES and HOL after Ibrahim and Whitt, "Real-time delay estimation based on delay history" (2009); the rolling mean is
what most ticket systems show.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from edge.branch.state import Ticket

NAMES: Final = ("queue_length", "last_to_enter_service", "head_of_line", "rolling_mean")
_KEPT: Final = 40  # waits of an hour of the week


class RollingMean:
    """Mean waits by service, weekday and hour, over the last so many; weekdays apart only once each has been seen."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, int, int], deque[float]] = {}

    def add(self, service: str, weekday: int, hour: int, wait_s: float) -> None:
        """A wait has ended, of someone who came on that weekday in that hour."""
        for key in ((service, weekday, hour), (service, -1, hour), (service, -1, -1)):
            self._waits.setdefault(key, deque(maxlen=_KEPT * (5 if key[1] < 0 else 1))).append(wait_s)

    def at(self, service: str, weekday: int, hour: int) -> float | None:
        """Seconds; of the hour on any day, or of any hour, where there are fewer than ten; None when nothing was seen."""
        for key in ((service, weekday, hour), (service, -1, hour), (service, -1, -1)):
            waits = self._waits.get(key)
            if waits and (len(waits) >= 10 or key[2] < 0):
                return sum(waits) / len(waits)
        return None


def queue_length(ahead: int, mean_turn_s: float | None, counters: int) -> float | None:
    """QL: those ahead and oneself, times the mean turn, over the counters; None where no counter is open or nothing known."""
    return None if mean_turn_s is None or counters == 0 else (ahead + 1) * mean_turn_s / counters


def last_to_enter_service(waits_s: Sequence[float]) -> float | None:
    """LES: the wait of who was called last."""
    return waits_s[-1] if waits_s else None


def head_of_line(tickets: Mapping[str, Ticket], service: str, now: float) -> float:
    """HOL: how long the first in line has waited by now; 0 with nobody in line, and who seems to have gone is not."""
    line = (t for t in tickets.values() if t.service == service and t.state == "waiting" and not t.inferred_gone)
    return max((now - ticket.queued_at for ticket in line), default=0.0)
