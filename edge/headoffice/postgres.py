"""Head office's books in PostgreSQL: events by COPY, watermark rows locked in order, one transaction for many batches."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from edge.headoffice import generation, statements
from edge.headoffice.books import Answer, Body, Key, Mark, Place, Received, Row, SetAside
from edge.headoffice.database import MOST_REFUSED, BranchState, DatabaseError, RejectedError
from edge.headoffice.ingest import take
from edge.headoffice.ledger import Tally, by_lane, mark_rows, marks_of, refused_row
from edge.headoffice.postgres_schema import migrate
from edge.headoffice.states import branch_states

_COPY: Final = "COPY event (branch, epoch, lane, sequence, type, v, t, data, received_at) FROM STDIN"
_LOCK: Final = (
    "SELECT branch, epoch, lane, up_to, ahead, disputed, succeeded FROM watermark"
    " WHERE (branch, epoch) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY branch, epoch, lane FOR UPDATE"
)
_MARKER_EVERY_S: Final = 5.0
Connection = psycopg.Connection[TupleRow]


class PostgresDatabase:
    """A PostgreSQL database; `take` on one thread, the rest from any. Connects again by itself after a loss."""

    def __init__(self, url: str, folder: Path) -> None:
        """Connect, and bring the tables to this version; the generation's marker lies in `folder`.

        Raises:
            DatabaseError: it cannot be reached or used; says what to do.
        """
        self._url = url
        self._marker = folder / f"headoffice-{hashlib.sha256(url.encode()).hexdigest()[:12]}.generation"
        self._reading = threading.Lock()
        self._writer = self._connected()
        self._reader = self._connected()
        try:
            migrate(self._writer)
            self.generation = self._begin()
        except (psycopg.Error, OSError) as error:
            raise DatabaseError(f"PostgreSQL: {_said(error)}; check that the user may create tables in its database") from error

    def _connected(self) -> Connection:
        try:
            return psycopg.connect(self._url, connect_timeout=5, application_name="smartbranch-headoffice", autocommit=True)
        except psycopg.Error as error:
            raise DatabaseError(f"PostgreSQL cannot be reached: {_said(error)}; check database.url and that the server runs") from error

    def _begin(self) -> str:
        facts: dict[str, str] = dict(self._writer.execute(statements.FACTS).fetchall())
        self._commits = int(facts.get("commits", 0))
        begun = generation.opened(generation.read(self._marker), facts.get("generation"), self._commits)
        self._writer.execute(_own(statements.SAVE_FACT), ("generation", begun))
        generation.write(self._marker, generation.Marker(begun, self._commits))
        self._marked_at = time.monotonic()
        return begun

    def take(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        """As `Database.take`."""
        try:
            if self._writer.closed:
                self._writer = self._connected()
            with self._writer.transaction():
                answers = self._entered(received, aside)
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, UnicodeError) as error:
            raise RejectedError(_said(error)) from error
        except psycopg.Error as error:
            self._writer.close()  # whether it was committed is not known; entering it again is harmless
            raise DatabaseError(f"PostgreSQL: {_said(error)}; it is tried again") from error
        self._mark()
        return answers

    def _entered(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        books = _Books(self._writer)
        answers = take(books, received, self.generation)
        for what in aside:
            books.set_aside(what)
        with self._writer.cursor() as cursor:
            cursor.executemany(_own(statements.HEARD), books.tally.branches(received))
            cursor.executemany(_own(statements.FIGURE), sorted((*figure, value) for figure, value in books.tally.figures.items()))
        self._commits += 1
        self._writer.execute(_own(statements.SAVE_FACT), ("commits", str(self._commits)))
        return answers

    def _mark(self) -> None:
        if time.monotonic() - self._marked_at >= _MARKER_EVERY_S:
            generation.write(self._marker, generation.Marker(self.generation, self._commits))
            self._marked_at = time.monotonic()

    def branches(self) -> list[BranchState]:
        """As `Database.branches`."""
        with self._reading:
            try:
                if self._reader.closed:
                    self._reader = self._connected()
                found = [self._reader.execute(query).fetchall() for query in (statements.BRANCHES, statements.LANES, statements.TODAY)]
            except psycopg.Error as error:
                self._reader.close()
                raise DatabaseError(f"PostgreSQL: {_said(error)}; it is tried again") from error
        return branch_states(*found)

    def close(self) -> None:
        """As `Database.close`."""
        with self._reading:
            self._reader.close()
        self._writer.close()


def _own(statement: str) -> Any:  # psycopg wants a LiteralString; ours are constants put together
    return statement.replace("?", "%s")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())


class _Books:
    """The books within one transaction of `connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tally = Tally()

    def marks(self, places: Sequence[Place]) -> dict[Place, dict[str, Mark]]:
        branches, epochs = [place[0] for place in places], [place[1] for place in places]
        return marks_of(self._connection.execute(_LOCK, (branches, epochs)))

    def bodies(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Body]]:
        found: dict[Key, list[Body]] = defaultdict(list)
        for lane, sequences in by_lane(keys):
            for query in statements.BODIES:
                for sequence, *columns in self._connection.execute(
                    _own(query.replace(":list", "SELECT unnest(?::bigint[])")), (*lane, sequences)
                ):
                    found[Key(*lane, sequence)].append(Body(*columns))
        return found

    def store(self, rows: Sequence[Row]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        self.tally.add(rows)

    def renumbered(self, pairs: Sequence[tuple[Key, Key]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_own(statements.RENUMBERED), [(*now, first.epoch, first.sequence) for now, first in pairs])

    def save(self, marks: Mapping[Place, Mapping[str, Mark]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_own(statements.SAVE_MARK), mark_rows(marks))

    def set_aside(self, what: SetAside) -> None:
        self._connection.execute(_own(statements.REFUSE), refused_row(what, datetime.now(UTC).isoformat(timespec="milliseconds")))
        self._connection.execute(_own(statements.FORGET_REFUSED), (MOST_REFUSED,))
