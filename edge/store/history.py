"""History: the events that were kept, read in the order in which they became so."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.event import Event
from edge.store.reader import Rows
from edge.store.schema import connect

_LOG = logging.getLogger(__name__)


def events_of_days(rows: Rows, first_day: str, last_day: str = "9999-12-31") -> Iterator[Event]:
    """Events of the local days `first_day` to `last_day` (YYYY-MM-DD), oldest first. Blocks on the disk."""
    return _events(rows.execute("SELECT type, v, t, data FROM event WHERE day BETWEEN ? AND ? ORDER BY id", (first_day, last_day)))


def events_since(rows: Rows, type_: str) -> Iterator[Event]:
    """Events from the newest of `type_` on, in order; all where there is none. Blocks on the disk."""
    newest = next(iter(rows.execute("SELECT id FROM event WHERE type = ? ORDER BY id DESC LIMIT 1", (type_,))), (0,))
    return _events(rows.execute("SELECT type, v, t, data FROM event WHERE id >= ? ORDER BY id", newest))


def queue_events(rows: Rows, first_day: str, last_id: int) -> list[Event]:
    """What happened in the queue and at its counters since `first_day`, up to the row `last_id`, oldest first."""
    found = rows.execute(
        "SELECT type, v, t, data FROM event WHERE day >= ? AND id <= ?"
        " AND (type LIKE 'ticket.%' OR type LIKE 'counter.%' OR type LIKE 'appointment.%' OR type = 'day.began') ORDER BY id",
        (first_day, last_id),
    )
    return list(_events(found))


def last_id(rows: Rows) -> int:
    """The newest row; 0 when there is none."""
    return int(next(iter(rows.execute("SELECT coalesce(max(id), 0) FROM event", ())))[0])


def answered_orders(rows: Rows) -> list[str]:
    """The ids of head office's orders that were answered, the newest 10,000, oldest first."""
    query = "SELECT json_extract(data, '$.id') FROM event WHERE type = 'command.answered' ORDER BY id DESC LIMIT 10000"
    return [row[0] for row in rows.execute(query, ())][::-1]


def events_in(store: Path, first_day: str, last_day: str) -> Iterator[Event]:
    """Events of the local days `first_day` to `last_day` (YYYY-MM-DD) in the store at `store`. Blocks on the disk."""
    connection = connect(store, read_only=True)
    try:
        yield from events_of_days(connection, first_day, last_day)
    finally:
        connection.close()


def _events(rows: Iterable[tuple[str, int, str, str]]) -> Iterator[Event]:
    """Events of rows; one whose bytes went bad on the disk is left out, for the day must go on without it."""
    for type_, version, t, data in rows:
        try:
            yield Event(type_, datetime.fromisoformat(t).astimezone(UTC).timestamp(), msgspec.json.decode(data), version)
        except (ValueError, msgspec.DecodeError) as error:
            _LOG.error("an event of %s (%s) cannot be read and is left out: %s", t, type_, error)
