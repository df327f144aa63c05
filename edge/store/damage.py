"""Damage: a database that is not sound is set aside, and what can be read of it goes into a new one."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from edge.event import Lane
from edge.store.outbox import new_epoch
from edge.store.schema import connect, migrate

_LOG = logging.getLogger(__name__)
_BESIDE: Final = ("", "-wal", "-shm")
_KEPT_ASIDE: Final = 3
_EVENT: Final = "id, epoch, lane, sequence, type, v, t, day, data, was_epoch, was_sequence"
_ROW: Final = tuple[int, str, Lane, int, str, int, str, str, str, str | None, int | None]


def set_aside(path: Path) -> Path:
    """Rename a damaged database, with its log, to `NAME.damaged-TIME`; the oldest of several go."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    for old in damaged_ones(path)[:-_KEPT_ASIDE]:
        for suffix in _BESIDE:
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return aside


def damaged_ones(path: Path) -> list[Path]:
    """What was set aside of the database at `path`, oldest first."""
    return sorted(found for found in path.parent.glob(f"{path.name}.damaged-*") if not found.name.endswith(_BESIDE[1:]))


def rescued(aside: Path, path: Path) -> str:
    """Make a new database at `path` of what can be read of the one set aside, in a new epoch; what became of it, in words.

    Whenever it is interrupted it begins anew: `path` is there only when it is whole.

    Raises:
        sqlite3.Error, OSError: the new one cannot be written.
    """
    fresh = path.with_name(f"{path.name}.new")
    for suffix in _BESIDE:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    target = connect(fresh)
    source = sqlite3.connect(f"file:{quote(str(aside))}?mode=rw", uri=True)
    source.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        migrate(target)
        with target:
            count = _copied(source, target)
            said = f"the database was damaged; {count} of its events could be saved, and it is kept as {aside.name}"
            target.execute("INSERT OR REPLACE INTO fact (name, value) VALUES ('epoch_reason', ?)", (said,))
    finally:
        source.close()
        target.close()
    fresh.rename(path)
    _LOG.error("%s: %s", path, said)
    return said


def _copied(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    facts = dict(_rows(source, "fact", "rowid, name, value"))
    acknowledged = {(epoch, lane): mark for epoch, lane, mark in _rows(source, "line", "rowid, epoch, lane, acknowledged")}
    seen = list(_rows(source, "seen", "rowid, device, identity, last_s, number, run"))
    events = sorted(_events(source))
    before = facts.get("epoch") or (events[-1][1] if events else None)
    target.executemany("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", [*facts.items(), ("epoch", after := new_epoch())])
    target.executemany("INSERT OR REPLACE INTO seen (device, identity, last_s, number, run) VALUES (?, ?, ?, ?, ?)", seen)
    marks = [(epoch, lane, mark) for (epoch, lane), mark in acknowledged.items()]
    target.executemany("INSERT OR REPLACE INTO line (epoch, lane, acknowledged) VALUES (?, ?, ?)", marks)
    last = dict.fromkeys(Lane, 0)
    for row in events:
        id_, epoch, lane, sequence, *middle, was_epoch, was_sequence = row
        if epoch == before and sequence > acknowledged.get((epoch, lane), 0):
            was_epoch, was_sequence = was_epoch or epoch, was_sequence or sequence
            last[lane] += 1
            epoch, sequence = after, last[lane]
        kept = (id_, epoch, lane, sequence, *middle, was_epoch, was_sequence)
        target.execute(f"INSERT OR IGNORE INTO event ({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kept)  # noqa: S608 (names only)
    return len(events)


def _events(source: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The events that are whole."""
    for row in _rows(source, "event", f"rowid, {_EVENT}"):
        with contextlib.suppress(msgspec.ValidationError, msgspec.DecodeError, ValueError):
            msgspec.json.decode(row[8])
            datetime.fromisoformat(row[6])
            yield msgspec.convert(row, _ROW)


def _rows(source: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a table that can be read, without their `rowid`: from its beginning, and where that fails from its end."""
    last = None
    for order in ("", " DESC"):
        try:
            for rowid, *row in source.execute(f"SELECT {columns} FROM {table} ORDER BY rowid{order}"):  # noqa: S608 (names only)
                if order and last is not None and rowid <= last:
                    return
                last = last if order else rowid
                yield tuple(row)
        except sqlite3.Error as error:
            _LOG.log(logging.DEBUG if order else logging.WARNING, "not all of the table %s can be read: %s", table, error)
        else:
            return
