"""Credits: how far ahead a ticket system puts each class, from who was called while whom else waited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from edge.forecast.calls_table import Call

_CANDIDATES_S: Final = (0.0, 120.0, 300.0, 480.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 36_000.0)
_ENOUGH: Final = 20  # choices that tell something, before a credit is believed
USUAL: Final = "normal"


def credits_s(calls: Sequence[Call]) -> dict[str, float]:
    """Seconds each class is put ahead of `normal`; 0 for one of which too little was seen."""
    classes = {call.class_ for call in calls} | {USUAL}
    return {class_: 0.0 if class_ == USUAL else _credit_s(list(_choices(calls, class_))) for class_ in sorted(classes)}


def _credit_s(choices: Sequence[tuple[float, bool]]) -> float:
    """The candidate that explains most choices; the smaller of equals."""
    if len(choices) < _ENOUGH:
        return 0.0
    return max(_CANDIDATES_S, key=lambda credit_s: sum((credit_s > behind_s) is chosen for behind_s, chosen in choices))


def _choices(calls: Iterable[Call], class_: str) -> Iterator[tuple[float, bool]]:
    """Where one of the class and one of `normal` both waited for a service: how far behind it came, and whether it was called first."""
    served = [call for call in calls if call.called_at is not None]
    for _, of_service in groupby(
        sorted(served, key=lambda c: (c.service, c.issued_at // 86_400)), key=lambda c: (c.service, c.issued_at // 86_400)
    ):
        day = list(of_service)
        for one in (call for call in day if call.class_ == class_):
            for other in (call for call in day if call.class_ == USUAL and _both_waited(one, call)):
                yield one.issued_at - other.issued_at, (one.called_at or 0.0) < (other.called_at or 0.0)


def _both_waited(one: Call, other: Call) -> bool:
    """Whether the later issue came before the earlier call."""
    return max(one.issued_at, other.issued_at) < min(one.called_at or 0.0, other.called_at or 0.0)
