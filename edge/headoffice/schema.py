"""Head office's SQLite database, one migration a version; the order here is the order in which they are applied."""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database, Migrations

MIGRATIONS: Final = Migrations("smartbranch-headoffice")


@MIGRATIONS()
def v1_events_watermarks_branches(db: Database) -> None:
    """Events by their key, how far each lane is held, what was refused, the branches and their figures."""
    # Rows lie in the order of their key, so that a batch is one run of pages and there is no second index to write.
    db.execute(
        "CREATE TABLE event (branch TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, sequence INTEGER NOT NULL,"
        " type TEXT NOT NULL, v INTEGER NOT NULL, t TEXT NOT NULL, data TEXT NOT NULL, received_at TEXT NOT NULL,"
        " PRIMARY KEY (branch, epoch, lane, sequence)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE renumbered (branch TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, sequence INTEGER NOT NULL,"
        " was_epoch TEXT NOT NULL, was_sequence INTEGER NOT NULL, PRIMARY KEY (branch, epoch, lane, sequence)) WITHOUT ROWID"
    )
    db.execute("CREATE INDEX renumbered_was ON renumbered (branch, was_epoch, lane, was_sequence)")
    db.table("watermark").create(
        {"branch": str, "epoch": str, "lane": str, "up_to": int, "ahead": str, "disputed": int, "succeeded": int},
        pk=("branch", "epoch", "lane"),
    )
    db.table("refused").create(
        {
            "digest": str,
            "branch": str,
            "reason": str,
            "epoch": str,
            "lane": str,
            "sequence": int,
            "payload": bytes,
            "times": int,
            "first_at": str,
            "last_at": str,
        },
        pk="digest",
    )
    db.table("branch").create({"id": str, "first_heard": str, "last_heard": str, "last_t": str, "epoch": str, "events": int}, pk="id")
    db.table("figure").create({"branch": str, "day": str, "name": str, "value": int}, pk=("branch", "day", "name"))
    db.table("fact").create({"name": str, "value": str}, pk="name")
