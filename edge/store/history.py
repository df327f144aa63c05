"""History: the events that were kept, read in the order in which they became so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.event import Event
from edge.store.schema import connect


def events_of_days(connection: sqlite3.Connection, first_day: str, last_day: str = "9999-12-31") -> Iterator[Event]:
    """Events of the local days `first_day` to `last_day` (YYYY-MM-DD), oldest first. Blocks on the disk."""
    rows = connection.execute("SELECT type, v, t, data FROM event WHERE day BETWEEN ? AND ? ORDER BY id", (first_day, last_day))
    return (_event(row) for row in rows)


def events_since(connection: sqlite3.Connection, type_: str) -> Iterator[Event]:
    """Events from the newest of `type_` on, in order; all where there is none. Blocks on the disk."""
    newest = connection.execute("SELECT id FROM event WHERE type = ? ORDER BY id DESC LIMIT 1", (type_,)).fetchone()
    rows = connection.execute("SELECT type, v, t, data FROM event WHERE id >= ? ORDER BY id", newest or (0,))
    return (_event(row) for row in rows)


def queue_events(connection: sqlite3.Connection, first_day: str, last_id: int) -> list[Event]:
    """What happened in the queue and at its counters since `first_day`, up to the row `last_id`, oldest first."""
    rows = connection.execute(
        "SELECT type, v, t, data FROM event WHERE day >= ? AND id <= ?"
        " AND (type LIKE 'ticket.%' OR type LIKE 'counter.%' OR type LIKE 'appointment.%' OR type = 'day.began') ORDER BY id",
        (first_day, last_id),
    )
    return [_event(row) for row in rows]


def last_id(connection: sqlite3.Connection) -> int:
    """The newest row; 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])


def answered_orders(connection: sqlite3.Connection) -> list[str]:
    """The ids of head office's orders that were answered, the newest 10,000, oldest first."""
    query = "SELECT json_extract(data, '$.id') FROM event WHERE type = 'command.answered' ORDER BY id DESC LIMIT 10000"
    return [row[0] for row in connection.execute(query)][::-1]


def events_in(store: Path, first_day: str, last_day: str) -> Iterator[Event]:
    """Events of the local days `first_day` to `last_day` (YYYY-MM-DD) in the store at `store`. Blocks on the disk."""
    connection = connect(store, read_only=True)
    try:
        yield from events_of_days(connection, first_day, last_day)
    finally:
        connection.close()


def _event(row: tuple[str, int, str, str]) -> Event:
    type_, version, t, data = row
    return Event(type_, datetime.fromisoformat(t).astimezone(UTC).timestamp(), msgspec.json.decode(data), version)
