"""Head office's PostgreSQL tables, one migration a version; the order here is the order in which they are applied."""

from __future__ import annotations

from typing import Any, Final

import psycopg

# t stays as the branch wrote it (its offset is part of what it says); data is json, which keeps every byte of it.
_V1: Final = (
    "CREATE TABLE event (branch text NOT NULL, epoch text NOT NULL, lane text NOT NULL, sequence bigint NOT NULL,"
    " type text NOT NULL, v integer NOT NULL, t text NOT NULL, data json NOT NULL, received_at timestamptz NOT NULL,"
    " PRIMARY KEY (branch, epoch, lane, sequence))",
    "CREATE TABLE renumbered (branch text NOT NULL, epoch text NOT NULL, lane text NOT NULL, sequence bigint NOT NULL,"
    " was_epoch text NOT NULL, was_sequence bigint NOT NULL, PRIMARY KEY (branch, epoch, lane, sequence))",
    "CREATE INDEX renumbered_was ON renumbered (branch, was_epoch, lane, was_sequence)",
    "CREATE TABLE watermark (branch text NOT NULL, epoch text NOT NULL, lane text NOT NULL, up_to bigint NOT NULL, ahead text NOT NULL,"
    " disputed bigint NOT NULL, succeeded integer NOT NULL, PRIMARY KEY (branch, epoch, lane))",
    "CREATE TABLE refused (digest text PRIMARY KEY, branch text NOT NULL, reason text NOT NULL, epoch text NOT NULL, lane text NOT NULL,"
    " sequence bigint NOT NULL, payload bytea NOT NULL, times bigint NOT NULL, first_at text NOT NULL, last_at text NOT NULL)",
    "CREATE TABLE branch (id text PRIMARY KEY, first_heard text NOT NULL, last_heard text NOT NULL, last_t text, epoch text NOT NULL,"
    " events bigint NOT NULL)",
    "CREATE TABLE figure (branch text NOT NULL, day text NOT NULL, name text NOT NULL, value bigint NOT NULL,"
    " PRIMARY KEY (branch, day, name))",
    "CREATE TABLE fact (name text PRIMARY KEY, value text NOT NULL)",
)
MIGRATIONS: Final = {"v1_events_watermarks_branches": _V1}
_LOCK: Final = 0x736D6272  # "smbr": two that start at once migrate one after the other


def migrate(connection: psycopg.Connection[Any]) -> None:
    """Bring the database to this version, in one transaction.

    Raises:
        psycopg.Error: it may not, or the tables are others'.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())")
        applied = {name for (name,) in connection.execute("SELECT name FROM schema_version")}
        for name, steps in MIGRATIONS.items():
            if name not in applied:
                for step in steps:
                    connection.execute(step)
                connection.execute("INSERT INTO schema_version (name) VALUES (%s)", (name,))
