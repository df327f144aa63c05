"""Reader: the one connection that only reads, from whatever thread; it notices a damaged database."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from edge.store.writer import StoreClosedError, is_damage


class Rows(Protocol):
    """What answers queries: a connection, or a `Reader`."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Iterable[Any]: ...


class Reader:
    """Answers one query at a time, whole."""

    def __init__(self, connection: sqlite3.Connection, damaged: Callable[[str], object]) -> None:
        """`damaged` is called, from the reading thread, with what SQLite says of a damaged file."""
        self._connection, self.damaged = connection, damaged
        self._reading = threading.Lock()

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> list[Any]:
        """The rows. Blocks on the disk.

        Raises:
            StoreClosedError: the file is damaged; whoever opened the store has been told.
        """
        try:
            with self._reading:
                return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.damaged(str(error))
            raise StoreClosedError(f"the database is damaged: {error}") from error

    def close(self) -> None:
        self._connection.close()
