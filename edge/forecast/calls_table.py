"""Calls table: a branch's own history as the table of design 4.4, read with every contradiction named by its line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

COLUMNS: Final = ("ticket", "service", "class", "issued_at", "called_at", "started_at", "finished_at", "counter", "outcome")
OUTCOMES: Final = ("served", "no_show", "abandoned", "transferred")
_TIMES: Final = ("issued_at", "called_at", "started_at", "finished_at")


class CallsTableError(Exception):
    """The file is no table of calls; the text says what to do."""


class Call(msgspec.Struct, frozen=True):
    """A ticket's course; times are unix seconds, None where it did not happen or is not known."""

    ticket: str
    service: str
    class_: str
    issued_at: float
    called_at: float | None
    started_at: float | None
    finished_at: float | None
    counter: str
    outcome: str  # served | no_show | abandoned | transferred

    @property
    def wait_s(self) -> float | None:
        """Seconds from issue to call; None of who never was called."""
        return None if self.called_at is None else self.called_at - self.issued_at


class Table(msgspec.Struct, frozen=True):
    """What could be read, in order of issue, and the rows left out, each as `line 12: why`."""

    calls: tuple[Call, ...]
    left_out: tuple[str, ...]


class _RowError(Exception):
    """A row cannot be taken, and why."""


def read(path: Path, zone: tzinfo) -> Table:
    """The table of a file.

    Raises:
        CallsTableError: it cannot be opened, is not UTF-8, or its header lacks columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return parse(lines, zone)
    except OSError as error:
        raise CallsTableError(f"{path}: {error.strerror}; name a file of calls") from error
    except UnicodeDecodeError as error:
        raise CallsTableError(f"{path}: not UTF-8 (byte {error.start}); save the table as UTF-8") from error


def parse(lines: Iterable[str], zone: tzinfo) -> Table:
    """The table of lines of text, the header first; times without a zone are taken in `zone`.

    Raises:
        CallsTableError: the header lacks columns.
    """
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if missing := [name for name in COLUMNS if name not in header]:
        raise CallsTableError(f"line 1: the header lacks {', '.join(missing)}; it reads {','.join(COLUMNS)}")
    calls: list[Call] = []
    left_out: list[str] = []
    seen: dict[tuple[str, str, float], int] = {}
    for row in reader:
        if not any(field.strip() for field in row):
            continue
        try:
            call = _call(_fields(header, row), zone)
        except _RowError as error:
            left_out.append(f"line {reader.line_num}: {error}")
            continue
        first = seen.setdefault((call.ticket, call.service, call.issued_at), reader.line_num)
        if first == reader.line_num:
            calls.append(call)
        else:
            left_out.append(f"line {reader.line_num}: the same ticket as line {first}")
    return Table(tuple(sorted(calls, key=lambda call: call.issued_at)), tuple(left_out))


def _fields(header: list[str], row: list[str]) -> Mapping[str, str]:
    if len(row) != len(header):
        raise _RowError(f"{len(row)} fields, the header has {len(header)}")
    return {name: field.strip() for name, field in zip(header, row, strict=True)}


def _call(fields: Mapping[str, str], zone: tzinfo) -> Call:
    issued_at, called_at, started_at, finished_at = (_moment(name, fields[name], zone) for name in _TIMES)
    if not fields["ticket"] or not fields["service"]:
        raise _RowError("no ticket or no service")
    if issued_at is None:
        raise _RowError("no issued_at")
    if called_at is None:
        called_at = started_at
    call = Call(
        fields["ticket"],
        fields["service"],
        fields["class"] or "normal",
        issued_at,
        called_at,
        started_at,
        finished_at,
        fields["counter"],
        fields["outcome"],
    )
    for contradiction in _contradictions(call, zone):
        raise _RowError(contradiction)
    return call


def _moment(name: str, field: str, zone: tzinfo) -> float | None:
    if not field:
        return None
    try:
        moment = datetime.fromisoformat(field)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise _RowError(f"{name} {field[:40]!r} is no time; write 2026-09-01 09:30:00 or ISO 8601") from None


def _contradictions(call: Call, zone: tzinfo) -> Iterator[str]:
    if call.outcome not in OUTCOMES:
        yield f"outcome {call.outcome[:40]!r} is none of {', '.join(OUTCOMES)}"
    if call.outcome in ("served", "transferred", "no_show") and call.called_at is None:
        yield f"{call.outcome} but never called"
    if call.outcome in ("abandoned", "no_show") and call.started_at is not None:
        yield f"{call.outcome} but its service started"
    steps = [(name, t) for name, t in zip(_TIMES, _moments(call), strict=True) if t is not None]
    for (before, t_before), (after, t_after) in pairwise(steps):
        if t_after < t_before:
            yield f"{after} is before {before}"
    if len({datetime.fromtimestamp(t, zone).date() for _, t in steps}) > 1:
        yield "it goes over midnight"


def _moments(call: Call) -> tuple[float | None, ...]:
    return call.issued_at, call.called_at, call.started_at, call.finished_at
