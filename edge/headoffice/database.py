"""Database: what head office needs of one, and which it is by its URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from edge.headoffice.books import Answer, Received, SetAside

MOST_REFUSED: Final = 10_000  # set-aside messages kept; beyond it the oldest go
_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql://", "postgres://")


class DatabaseError(Exception):
    """The database cannot be used just now; the text says where and what to do."""


class RejectedError(DatabaseError):
    """The database does not take something of what it was handed; trying again would not help."""


class LaneState(msgspec.Struct, frozen=True):
    """How far a lane of a branch's epoch is held."""

    epoch: str
    lane: str
    up_to: int
    ahead: tuple[tuple[int, int], ...]
    disputed: int


class BranchState(msgspec.Struct, frozen=True):
    """What the database knows of a branch; moments are ISO 8601."""

    id: str
    first_heard: str
    last_heard: str
    last_t: str | None  # of its newest event, as the branch wrote it
    epoch: str
    events: int
    refused: int
    lanes: tuple[LaneState, ...]
    figures: Mapping[str, int]  # of the day of `last_t`


class Database(Protocol):
    """Head office's store; one writing thread calls `take`, any thread the rest."""

    generation: str

    def take(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        """Enter all in one transaction; the answers hold, for it is committed.

        Raises:
            RejectedError: nothing was entered, and something in it never will be.
            DatabaseError: nothing was entered; try again.
        """
        ...

    def branches(self) -> list[BranchState]:
        """Every branch that was ever heard, with its lanes of the epoch heard last."""
        ...

    def close(self) -> None:
        """Close it; what was taken is committed already."""
        ...


def open_database(url: str, folder: Path) -> Database:
    """The database at `url`: `sqlite:///file` (beside `folder`) or `postgresql://…`.

    Raises:
        DatabaseError: it cannot be opened; says what to do.
    """
    if url.startswith(_SQLITE):
        from edge.headoffice.sqlite import SqliteDatabase  # noqa: PLC0415 (only the one that is used)

        return SqliteDatabase(folder / url.removeprefix(_SQLITE))
    if url.startswith(_POSTGRESQL):
        from edge.headoffice.postgres import PostgresDatabase  # noqa: PLC0415 (psycopg is an extra)

        return PostgresDatabase(url, folder)
    raise DatabaseError(f"database {url.partition(':')[0]!r} is none that is known: sqlite:///FILE or postgresql://USER@HOST/DATABASE")
