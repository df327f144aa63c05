"""Opening: the database as a run begins with it, whatever it was left like."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from edge.event import Lane
from edge.store.damage import damaged_ones, rescued, set_aside
from edge.store.machine import machine_id
from edge.store.outbox import new_epoch, read_marks, renumber
from edge.store.repeats import SeenRow
from edge.store.schema import FILE_NAME, connect, migrate
from edge.store.writer import is_damage

_LOG = logging.getLogger(__name__)
_MARK: Final = "damaged"
"""A file of this name says that the run before found the database damaged."""
_QUICK_TO_CHECK: Final = 16 << 20
"""Bytes of a database that is read through at the start, in some hundredths of a second; a larger one shows its damage later."""


class Opened(msgspec.Struct, frozen=True):
    """What the database said when it was opened: the run's number, the epoch, and why that is a new one."""

    run: int
    epoch: str
    epoch_reason: str | None
    seen: list[SeenRow]
    marks: dict[Lane, tuple[int, int]]


def opened(folder: Path, *, ran_before: bool) -> tuple[sqlite3.Connection, Opened]:
    """The database of the store in `folder`; a damaged one is set aside and begun anew from what can be read of it.

    `ran_before`: a box that ran has a database; when it is gone, head office must know. Blocks on the disk.

    Raises:
        sqlite3.Error, OSError: it can be neither opened nor made.
    """
    path = folder / FILE_NAME
    mark = folder / _MARK
    if mark.exists():
        _LOG.error("%s is damaged: %s", path, mark.read_text(encoding="utf-8", errors="replace"))
        set_aside(path)
        mark.unlink()
    if not path.exists() and (aside := damaged_ones(path)):
        rescued(aside[-1], path)
    try:
        return _begun(path, ran_before=ran_before)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        _LOG.error("%s is damaged: %s", path, error)
    rescued(set_aside(path), path)
    return _begun(path, ran_before=True)


def mark_damaged(folder: Path, why: str) -> None:
    """Let the next run set the database aside; it is open just now."""
    (folder / _MARK).write_text(why, encoding="utf-8")


def _begun(path: Path, *, ran_before: bool) -> tuple[sqlite3.Connection, Opened]:
    connection = connect(path)
    try:
        if path.stat().st_size <= _QUICK_TO_CHECK:
            _check(connection)
        migrate(connection)
        return connection, _run(connection, ran_before=ran_before)
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection) -> None:
    """Raise what SQLite raises of a damaged file, also for what only its check finds."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _run(connection: sqlite3.Connection, *, ran_before: bool) -> Opened:
    facts = dict(connection.execute("SELECT name, value FROM fact"))
    run, epoch, machine = int(facts.get("run", 0)) + 1, facts.get("epoch"), machine_id()
    reason = facts.get("epoch_reason")  # of a run that ended before it could tell
    with connection:
        if epoch is None:
            epoch, reason = new_epoch(), "the database was gone; a new one was begun" if ran_before else None
        elif facts.get("machine", machine) != machine:
            reason, before, epoch = "the store was found on another machine", epoch, new_epoch()
            renumber(connection, before, epoch, {lane: mark for lane, (_, mark) in read_marks(connection, before).items()})
        for name, value in (("run", str(run)), ("epoch", epoch), ("machine", machine), ("epoch_reason", reason)):
            if value is not None:
                connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value))
    seen = connection.execute("SELECT device, identity, last_s, number, run FROM seen ORDER BY number").fetchall()
    return Opened(run, epoch, reason, seen, read_marks(connection, epoch))
