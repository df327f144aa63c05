"""Opening hours as they are written in the file: `mon-fri: "09:00-12:00, 13:00-17:00"`, and days off from an .ics file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from edge.branch.plan import Hours, Span

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "(?:" + "|".join(_DAYS) + ")"
DAY_KEY: Final = re.compile(rf"{_DAY}(?:-{_DAY})?(?:\s*,\s*{_DAY}(?:-{_DAY})?)*")
_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_ICS_DATE: Final = re.compile(r"^(DTSTART|DTEND)(?:;[^:]*)?:(\d{4})(\d{2})(\d{2})", re.MULTILINE)


def read_spans(written: object) -> tuple[Span, ...]:
    """The spans of one entry, e.g. `09:00-12:00, 13:00-17:00`; an empty text is a day off.

    Raises:
        ValueError: says which span is wrong.
    """
    spans = tuple(_span(part.strip()) for part in str(written or "").split(",") if part.strip())
    for before, after in pairwise(spans):
        if after.from_s < before.to_s:
            raise ValueError(f"the spans of {written!r} overlap or are not in order")
    return spans


def _span(part: str) -> Span:
    found = _SPAN.fullmatch(part)
    if not found:
        raise ValueError(f"{part!r} is no span of time; write for example 09:00-17:00")
    hour, minute, to_hour, to_minute = map(int, found.groups())
    span = Span(hour * 3600 + minute * 60, to_hour * 3600 + to_minute * 60)
    if minute > 59 or to_minute > 59 or not 0 <= span.from_s < span.to_s <= 86_400:
        raise ValueError(f"{part!r} is no span within a day; the end comes after the beginning, 24:00 at the latest")
    return span


def _days(key: str) -> Iterator[int]:
    for part in key.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        yield from ((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def hours_of(entries: Mapping[str, object], closed_on: list[date] | str, open_on: list[date], folder: Path) -> Hours:
    """The hours of a file; an .ics file is read from `folder`.

    Raises:
        ValueError: the .ics file cannot be read.
    """
    week: list[tuple[Span, ...]] = [()] * 7
    for key, written in entries.items():
        for day in _days(key):
            week[day] = read_spans(written)
    closed = _days_off(folder / closed_on) if isinstance(closed_on, str) else closed_on
    return Hours(tuple(week), frozenset(map(date.isoformat, closed)), frozenset(map(date.isoformat, open_on)))


def _days_off(file: Path) -> list[date]:
    """All-day events of an iCalendar file (RFC 5545; DTEND is the day after the last)."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}; closed_on takes dates or an .ics file beside branch.yaml") from error
    days: list[date] = []
    for entry in text.split("BEGIN:VEVENT")[1:]:
        found = {name: date(int(y), int(m), int(d)) for name, y, m, d in _ICS_DATE.findall(entry)}
        if "DTSTART" in found:
            length = max(1, (found.get("DTEND", found["DTSTART"]) - found["DTSTART"]).days)
            days += (found["DTSTART"] + timedelta(days=step) for step in range(length))
    return days
