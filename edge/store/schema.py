"""The database of a branch, one migration a version; the order here is the order in which they are applied."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database, Migrations

FILE_NAME: Final = "branch.db"
MIGRATIONS = Migrations("smartbranch-edge")


@MIGRATIONS()
def v1_events_line_repeats(db: Database) -> None:
    """Events with their place on the line, how far head office has them, and what counts as a copy."""
    db.table("event").create(
        {
            "id": int,
            "epoch": str,
            "lane": str,
            "sequence": int,
            "type": str,
            "v": int,
            "t": str,
            "day": str,
            "data": str,
            "was_epoch": str,
            "was_sequence": int,
        },
        pk="id",
        not_null={"epoch", "lane", "sequence", "type", "v", "t", "day", "data"},
    )
    db.table("event").create_index(["epoch", "lane", "sequence"], unique=True)
    db.table("event").create_index(["day", "type"])
    db.table("line").create({"epoch": str, "lane": str, "acknowledged": int}, pk=("epoch", "lane"))
    db.table("seen").create({"device": str, "identity": str, "last_s": float, "number": int, "run": int}, pk=("device", "identity"))
    db.table("fact").create({"name": str, "value": str}, pk="name")


def connect(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection as this store wants them: WAL, every commit on the disk before anyone is told.

    Raises:
        sqlite3.Error: the file is no database, or cannot be opened.
    """
    mode = "ro" if read_only else "rwc"
    uri = "file::memory:" if str(path) == ":memory:" else f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=10.0)
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=1000")
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version; each migration is one transaction."""
    MIGRATIONS.apply(Database(connection, execute_plugins=False))
