"""The outbox: what head office has not acknowledged, lane by lane, and the epoch it is numbered in."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.event import Event, Lane, lane_of
from edge.store.reader import Reader
from edge.store.writer import Writer

_COLUMNS: Final = "sequence, type, v, t, data, was_epoch, was_sequence"
_json = msgspec.json.Encoder()


class Numbered(msgspec.Struct, frozen=True):
    """An event with its place on the line, as it went into the outbox."""

    lane: Lane
    sequence: int
    event: Event
    written_t: str  # ISO 8601, as it stands on the line
    day: str


def new_epoch() -> str:
    """A random name for a numbering."""
    return secrets.token_hex(8)


def on_the_line(row: tuple[Any, ...]) -> bytes:
    """An event as head office gets it, of a row of `_COLUMNS`; the same row gives the same bytes."""
    _, type_, version, t, data, was_epoch, was_sequence = row
    was = {"was": [was_epoch, was_sequence]} if was_epoch else {}
    return _json.encode({"type": type_, "v": version, "t": t, "data": msgspec.Raw(data.encode()), **was})


def event_on_the_line(numbered: Numbered) -> bytes:
    """An event just kept, as head office gets it."""
    event = numbered.event
    return _json.encode({"type": event.type, "v": event.v, "t": numbered.written_t, "data": event.data})


class Outbox:
    """Numbers events, keeps them until head office has them, and answers what it asks again.

    Called from the event loop, but for `pending` and `range`, which read the database and belong in a thread.
    """

    def __init__(self, writer: Writer, reader: Reader, epoch: str, marks: Mapping[Lane, tuple[int, int]]) -> None:
        """`marks`: highest sequence and acknowledged one of each lane in `epoch`."""
        self.epoch = epoch
        self._writer = writer
        self._reader = reader
        self._highest = {lane: marks.get(lane, (0, 0))[0] for lane in Lane}
        self._acknowledged = {lane: marks.get(lane, (0, 0))[1] for lane in Lane}
        self._committed = dict(self._highest)
        self._grown = asyncio.Event()
        self._shrunk = asyncio.Event()

    def number(self, event: Event, written_t: str, day: str) -> Numbered:
        """Give an event the next number of its lane; the caller writes it, in this order."""
        lane = lane_of(event.type)
        self._highest[lane] += 1
        return Numbered(lane, self._highest[lane], event, written_t, day)

    def insert(self, connection: sqlite3.Connection, numbered: list[Numbered], epoch: str) -> None:
        """Write numbered events; runs on the writing thread, in its transaction."""
        connection.executemany(
            "INSERT INTO event (epoch, lane, sequence, type, v, t, day, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (epoch, n.lane, n.sequence, n.event.type, n.event.v, n.written_t, n.day, _json.encode(n.event.data).decode())
                for n in numbered
            ],
        )

    def committed(self, numbered: list[Numbered], epoch: str) -> None:
        """They are on the disk, numbered in `epoch`: whoever sends is woken."""
        if epoch != self.epoch:
            return  # moved to another epoch meanwhile, which tells of them itself
        for n in numbered:
            self._committed[n.lane] = max(self._committed[n.lane], n.sequence)
        self._wake()

    def highest(self, lane: Lane) -> int:
        """The highest sequence that is committed; 0 when there is none."""
        return self._committed[lane]

    def acknowledged(self, lane: Lane) -> int:
        """Up to where head office has told that it has the lane."""
        return self._acknowledged[lane]

    def backlog(self) -> int:
        """Events committed here and not acknowledged, all lanes."""
        return sum(self._committed[lane] - self._acknowledged[lane] for lane in Lane)

    async def wait(self) -> None:
        """Return when something was committed since the last call."""
        await self._grown.wait()
        self._grown.clear()

    async def drained(self) -> None:
        """Return when head office has everything."""
        while self.backlog():
            self._shrunk.clear()
            await self._shrunk.wait()

    def pending(self, lane: Lane, after: int, limit: int) -> list[tuple[int, bytes]]:
        """At most `limit` events of `lane` above `after`, in order: sequence and wire JSON. Blocks on the disk."""
        return self.range(lane, after + 1, after + limit)

    def range(self, lane: Lane, first: int, last: int) -> list[tuple[int, bytes]]:
        """Events of `lane` from `first` to `last` that are still kept. Blocks on the disk."""
        query = f"SELECT {_COLUMNS} FROM event WHERE epoch = ? AND lane = ? AND sequence BETWEEN ? AND ? ORDER BY sequence"  # noqa: S608 (names only)
        return [(row[0], on_the_line(row)) for row in self._reader.execute(query, (self.epoch, lane, first, last))]

    def oldest_pending_t(self) -> str | None:
        """When the oldest event that is not acknowledged became so, ISO 8601; None when all are. Blocks on the disk."""
        query = "SELECT t FROM event WHERE epoch = ? AND lane = ? AND sequence = ?"
        keys = [(self.epoch, lane, self._acknowledged[lane] + 1) for lane in Lane]
        found = [row[0] for key in keys for row in self._reader.execute(query, key)]
        return min(found, default=None)

    async def acknowledge(self, lane: Lane, up_to: int) -> None:
        """Head office has the lane up to here; never goes back, durable when this returns."""
        if not self._acknowledged[lane] < up_to <= self._committed[lane]:
            return
        self._acknowledged[lane] = up_to
        self._shrunk.set()
        epoch = self.epoch
        await asyncio.shield(self._writer.submit(lambda connection: _write_mark(connection, epoch, lane, up_to)))

    async def begin_epoch(self, again: Mapping[Lane, int] | None = None) -> str:
        """Number anew, from 1, what is not acknowledged, and of a lane in `again` all from there on; returns the new epoch.

        Each keeps the place that it had first: head office knows it by that, whatever came of the epochs between.
        """
        before, self.epoch = self.epoch, new_epoch()
        after = self.epoch
        below = {lane: min(self._acknowledged[lane], (again or {}).get(lane, self._acknowledged[lane] + 1) - 1) for lane in Lane}
        for lane in Lane:
            self._highest[lane] -= below[lane]
            self._committed[lane] = self._acknowledged[lane] = 0  # until they are moved on the disk
        numbered = dict(self._highest)
        await asyncio.shield(self._writer.submit(lambda connection: renumber(connection, before, after, below)))
        self._committed = {lane: max(numbered[lane], self._committed[lane]) for lane in Lane}
        self._wake()
        return after

    def _wake(self) -> None:
        self._grown.set()


def _row(epoch: str, numbered: Numbered) -> tuple[str | int, ...]:
    event = numbered.event
    data = _json.encode(event.data).decode()
    return epoch, numbered.lane, numbered.sequence, event.type, event.v, numbered.written_t, numbered.day, data


def _write_mark(connection: sqlite3.Connection, epoch: str, lane: Lane, up_to: int) -> None:
    connection.execute("INSERT OR REPLACE INTO line (epoch, lane, acknowledged) VALUES (?, ?, ?)", (epoch, lane, up_to))


def renumber(connection: sqlite3.Connection, before: str, after: str, acknowledged: Mapping[Lane, int]) -> None:
    """Move what is not acknowledged from epoch `before` to `after`, from 1 on; runs on the writing thread."""
    for lane, mark in acknowledged.items():
        connection.execute(
            "UPDATE event SET was_epoch = coalesce(was_epoch, epoch), was_sequence = coalesce(was_sequence, sequence),"
            " epoch = ?, sequence = sequence - ?"
            " WHERE epoch = ? AND lane = ? AND sequence > ?",
            (after, mark, before, lane, mark),
        )
    connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES ('epoch', ?)", (after,))


def read_marks(connection: sqlite3.Connection, epoch: str) -> dict[Lane, tuple[int, int]]:
    """Highest and acknowledged sequence of each lane in `epoch`."""
    acknowledged = dict(connection.execute("SELECT lane, acknowledged FROM line WHERE epoch = ?", (epoch,)))
    highest = dict(connection.execute("SELECT lane, max(sequence) FROM event WHERE epoch = ? GROUP BY lane", (epoch,)))
    return {lane: (max(highest.get(lane) or 0, acknowledged.get(lane, 0)), acknowledged.get(lane, 0)) for lane in Lane}
