"""Figures: what a branch's day adds up to, counted as events are stored; pure, and right when events come late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from edge.headoffice.books import Row

_COUNTED: Final = {
    "ticket.issued": "tickets",
    "ticket.finished": "served",
    "ticket.abandoned": "abandoned",
    "ticket.no_show": "no_shows",
    "ticket.missed": "missed",
    "alert.raised": "alerts",
    "device.offline": "devices_offline",
}


class Figure(NamedTuple):
    """Which figure of which branch's local day."""

    branch: str
    day: str  # YYYY-MM-DD as the branch wrote it
    name: str


class _Told(msgspec.Struct):
    wait_s: float | None = None
    direction: str = ""
    people: int = 1


_told = msgspec.json.Decoder(_Told)


def count(rows: Iterable[Row]) -> Counter[Figure]:
    """What `rows` add to the figures; `wait_s` is a sum, `waits` what it is divided by."""
    figures: Counter[Figure] = Counter()
    for row in rows:
        branch, day = row.branch, row.t[:10]
        figures[Figure(branch, day, "events")] += 1
        if name := _COUNTED.get(row.type):
            figures[Figure(branch, day, name)] += 1
        elif row.type == "door.crossed" and (told := _read(row.data)):
            figures[Figure(branch, day, f"door_{told.direction}")] += told.people
        elif row.type == "ticket.called" and (told := _read(row.data)) and told.wait_s is not None:
            figures[Figure(branch, day, "waits")] += 1
            figures[Figure(branch, day, "wait_s")] += round(told.wait_s)
    return figures


def _read(data: str) -> _Told | None:
    """The fields that figures need; None where they are of another kind than agreed."""
    try:
        return _told.decode(data)
    except msgspec.ValidationError:
        return None
