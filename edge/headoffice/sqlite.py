"""Head office's books in SQLite: WAL, every commit on the disk before a branch is told."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlite_utils import Database as SchemaDatabase

from edge.headoffice import generation, statements
from edge.headoffice.books import Answer, Body, Key, Mark, Place, Received, Row, SetAside
from edge.headoffice.database import MOST_REFUSED, BranchState, DatabaseError, RejectedError
from edge.headoffice.ingest import take
from edge.headoffice.ledger import Tally, by_lane, mark_rows, marks_of, refused_row
from edge.headoffice.schema import MIGRATIONS
from edge.headoffice.states import branch_states

_EVENT: Final = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LIST: Final = "SELECT value FROM json_each(?)"
_REJECTED: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, OverflowError, UnicodeError)
_MARKER_EVERY_S: Final = 5.0


class SqliteDatabase:
    """A file of SQLite; `take` on one thread, the rest from any."""

    def __init__(self, path: Path) -> None:
        """Open or make it.

        Raises:
            DatabaseError: it cannot be opened; says what to do.
        """
        self._path, self._marker = path, path.with_name(path.name + ".generation")
        self._reading = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = _connect(path)
            MIGRATIONS.apply(SchemaDatabase(self._writer, execute_plugins=False))
            self._reader = _connect(path)
            self.generation = self._begin()
        except (sqlite3.Error, OSError) as error:
            raise DatabaseError(
                f"{path}: cannot be opened: {error}; check the folder, its rights, its room and that the file is whole"
            ) from error

    def _begin(self) -> str:
        facts = dict(self._writer.execute(statements.FACTS))
        self._commits = int(facts.get("commits", 0))
        begun = generation.opened(generation.read(self._marker), facts.get("generation"), self._commits)
        with self._writer:
            self._writer.execute(statements.SAVE_FACT, ("generation", begun))
        generation.write(self._marker, generation.Marker(begun, self._commits))
        self._marked_at = time.monotonic()
        return begun

    def take(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        """As `Database.take`."""
        try:
            with self._writer:
                self._writer.execute("BEGIN IMMEDIATE")
                answers = self._entered(received, aside)
            self._mark()
        except _REJECTED as error:
            raise RejectedError(str(error)) from error
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._path}: {error}; check that the disk has room and the file is whole") from error
        return answers

    def _entered(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        books = _Books(self._writer)
        answers = take(books, received, self.generation)
        for what in aside:
            books.set_aside(what)
        self._writer.executemany(statements.HEARD, books.tally.branches(received))
        self._writer.executemany(statements.FIGURE, [(*figure, value) for figure, value in books.tally.figures.items()])
        self._commits += 1
        self._writer.execute(statements.SAVE_FACT, ("commits", str(self._commits)))
        return answers

    def _mark(self) -> None:
        """Now and then, beside the database, how many commits it had."""
        if time.monotonic() - self._marked_at >= _MARKER_EVERY_S:
            generation.write(self._marker, generation.Marker(self.generation, self._commits))
            self._marked_at = time.monotonic()

    def branches(self) -> list[BranchState]:
        """As `Database.branches`."""
        with self._reading:
            try:
                found = [self._reader.execute(query).fetchall() for query in (statements.BRANCHES, statements.LANES, statements.TODAY)]
            except sqlite3.Error as error:
                raise DatabaseError(f"{self._path}: {error}") from error
        return branch_states(*found)

    def close(self) -> None:
        """As `Database.close`."""
        with self._reading:
            self._reader.close()
        self._writer.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=8000")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


class _Books:
    """The books within one transaction of `connection`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.tally = Tally()

    def marks(self, places: Sequence[Place]) -> dict[Place, dict[str, Mark]]:
        return marks_of(row for place in places for row in self._connection.execute(statements.MARKS, place))

    def bodies(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Body]]:
        found: dict[Key, list[Body]] = defaultdict(list)
        for lane, sequences in by_lane(keys):
            listed = msgspec.json.encode(sequences).decode()
            for query in statements.BODIES:
                for sequence, *columns in self._connection.execute(query.replace(":list", _LIST), (*lane, listed)):
                    found[Key(*lane, sequence)].append(Body(*columns))
        return found

    def store(self, rows: Sequence[Row]) -> None:
        self._connection.executemany(_EVENT, rows)
        self.tally.add(rows)

    def renumbered(self, pairs: Sequence[tuple[Key, Key]]) -> None:
        self._connection.executemany(statements.RENUMBERED, [(*now, first.epoch, first.sequence) for now, first in pairs])

    def save(self, marks: Mapping[Place, Mapping[str, Mark]]) -> None:
        self._connection.executemany(statements.SAVE_MARK, mark_rows(marks))

    def set_aside(self, what: SetAside) -> None:
        self._connection.execute(statements.REFUSE, refused_row(what, datetime.now(UTC).isoformat(timespec="milliseconds")))
        self._connection.execute(statements.FORGET_REFUSED, (MOST_REFUSED,))
