"""The store of a branch: occurrences kept once, events numbered and durable, and what a restart begins from."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import struct
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

import msgspec

from devices.reading import Occurrence
from edge.clock import Clock, day_of, written
from edge.event import Event, Lane, lane_of
from edge.store.history import answered_orders, events_since, last_id, queue_events
from edge.store.machine import machine_id
from edge.store.outbox import Numbered, Outbox, new_epoch, read_marks, renumber
from edge.store.repeats import Repeats, SeenRow
from edge.store.schema import connect, migrate
from edge.store.writer import Writer

_LOG = logging.getLogger(__name__)
FILE_NAME: Final = "branch.db"
_RUNNING: Final = struct.Struct("<d")
_MOST_WAITING: Final = 5000


class Opened(msgspec.Struct, frozen=True):
    """What the database said when it was opened: the run's number, the epoch, and why that is a new one."""

    run: int
    epoch: str
    epoch_reason: str | None
    running_s: float
    seen: list[SeenRow]
    marks: dict[Lane, tuple[int, int]]


class Store:
    """Everything that must not be lost. Opened once, in the event loop; all disk work is on threads of its own."""

    def __init__(self, folder: Path, clock: Clock, zone: tzinfo, told: Callable[[str | None], None]) -> None:
        """`told`: why the store cannot be written just now, or None when it can again; called in the event loop."""
        self._folder, self._clock, self._zone, self._told = folder, clock, zone, told
        self.problem: str | None = None
        self.bulk_given_up = 0

    async def open(self) -> None:
        """Open or make the database.

        Raises:
            StoreError: it cannot be opened; says where and what to do.
        """
        loop = asyncio.get_running_loop()
        self._connection, self._reader, opened = await asyncio.to_thread(self._open)
        self.writer = Writer(self._connection, lambda why: loop.call_soon_threadsafe(self._tell, why))
        self.outbox = Outbox(self.writer, self._reader, opened.epoch, opened.marks)
        self.repeats = Repeats.of(opened.seen, opened.run)
        self.epoch_reason = opened.epoch_reason
        self._running_from_s = opened.running_s - self._clock.monotonic()
        self._running_file = await asyncio.to_thread((self._folder / "running").open, "r+b", 0)

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection, Opened]:
        path = self._folder / FILE_NAME
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            connection = connect(path)
            migrate(connection)
            opened = _begin_run(connection, self._folder / "running")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{path}: cannot be opened: {error}; check that the folder is ours to write, the disk has room and the file is whole"
            ) from error
        return connection, connect(path, read_only=True), opened

    def running_s(self) -> float:
        """Seconds that the box was running, over all runs; the time that it was down does not count."""
        return self._running_from_s + self._clock.monotonic()

    def note_running(self) -> None:
        """Keep `running_s` over a kill; called each second. Not synced: a power cut is longer than what it guards."""
        self._running_file.seek(0)
        self._running_file.write(_RUNNING.pack(self.running_s()))

    def is_full(self) -> bool:
        """Whether so much waits for the disk that nothing more should be taken in."""
        return self.writer.waiting >= _MOST_WAITING

    async def room(self) -> None:
        """Return when there is room again: each waits for a commit that is under way, not for a time."""
        while self.is_full():
            await asyncio.shield(self.writer.submit(_nothing))

    async def keep(self, events: Sequence[Event], occurrence: Occurrence | None = None) -> list[Numbered]:
        """Make events (and what they came of) durable in one transaction; returns when they are.

        Raises:
            StoreClosedError: stopped before that; do not acknowledge.
        """
        return await asyncio.shield(self.submit(events, occurrence))

    def submit(self, events: Sequence[Event], occurrence: Occurrence | None = None) -> asyncio.Future[list[Numbered]]:
        """As `keep`, without waiting: the order of calls is the order of events."""
        numbered = [
            self.outbox.number(event, written(event.t, self._zone), day_of(event.t, self._zone)) for event in self._worth_keeping(events)
        ]
        row = self.repeats.keep(occurrence, self.running_s()) if occurrence else None
        epoch = self.outbox.epoch

        def job(connection: sqlite3.Connection) -> list[Numbered]:
            if numbered:
                self.outbox.insert(connection, numbered, epoch)
            if row:
                connection.execute("INSERT OR REPLACE INTO seen (device, identity, last_s, number, run) VALUES (?, ?, ?, ?, ?)", row)
            return numbered

        done = self.writer.submit(job)

        def tell(finished: asyncio.Future[list[Numbered]]) -> None:
            if not finished.cancelled() and finished.exception() is None:
                self.outbox.committed(numbered, epoch)

        done.add_done_callback(tell)
        return done

    def _number(self, event: Event) -> Numbered:
        return self.outbox.number(event, written(event.t, self._zone), day_of(event.t, self._zone))

    def _worth_keeping(self, events: Sequence[Event]) -> Sequence[Event]:
        """On a full disk `bulk` is given up, and counted, before it takes a number."""
        if self.problem is None:
            return events
        kept = [event for event in events if lane_of(event.type) is not Lane.BULK]
        self.bulk_given_up += len(events) - len(kept)
        return kept

    def day(self, ahead: int = 0) -> str:
        """The local day it is now, or `ahead` days from now, `YYYY-MM-DD`."""
        return day_of(self._clock.now() + ahead * 86_400, self._zone)

    def since(self, type_: str) -> list[Event]:
        """Events from the newest of `type_` on, in order; all where there is none. Blocks on the disk."""
        return list(events_since(self._reader, type_))

    def past_of_queue(self, days: int) -> Callable[[], list[Event]]:
        """A reader (it blocks on the disk) of what happened in the queue in the last `days` up to this moment. Blocks too."""
        newest, first_day = last_id(self._reader), self.day(-days)

        def read() -> list[Event]:
            connection = connect(self._folder / FILE_NAME, read_only=True)
            try:
                return queue_events(connection, first_day, newest)
            finally:
                connection.close()

        return read

    def answered_orders(self) -> list[str]:
        """The ids of head office's orders that were answered, the newest 10,000. Blocks on the disk."""
        return answered_orders(self._reader)

    def forget(self, *, before_day: str, bulk_before_day: str) -> asyncio.Future[int]:
        """Delete acknowledged events whose retention is over, some thousands at a time; how many were deleted."""
        marks = [(self.outbox.epoch, lane, self.outbox.acknowledged(lane)) for lane in Lane]

        def job(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM seen WHERE last_s < ?", (self.running_s() - 86_400,))
            return sum(_forget(connection, *mark, bulk_before_day if mark[1] is Lane.BULK else before_day) for mark in marks)

        return self.writer.submit(job)

    async def close(self) -> None:
        """Commit what waits and close."""
        await asyncio.to_thread(self.writer.close)
        self.note_running()
        self._running_file.close()
        self._reader.close()
        self._connection.close()

    def _tell(self, why: str | None) -> None:
        if why != self.problem:
            self.problem = why
            self._told(why)


def _nothing(_: sqlite3.Connection) -> None:
    """A job that is done when those before it are."""


class StoreError(Exception):
    """The store cannot be opened; the text says where and what to do."""


def _begin_run(connection: sqlite3.Connection, running: Path) -> Opened:
    facts = dict(connection.execute("SELECT name, value FROM fact"))
    run, epoch, machine = int(facts.get("run", 0)) + 1, facts.get("epoch"), machine_id()
    reason = None
    with connection:
        if epoch is None:
            epoch = new_epoch()
        elif facts.get("machine") != machine:
            reason, before, epoch = "the store was found on another machine", epoch, new_epoch()
            renumber(connection, before, epoch, {lane: mark for lane, (_, mark) in read_marks(connection, before).items()})
        for name, value in (("run", str(run)), ("epoch", epoch), ("machine", machine)):
            write_fact(connection, name, value)
    seen = connection.execute("SELECT device, identity, last_s, number, run FROM seen ORDER BY number").fetchall()
    running_s = max([_running(running), *(row[2] for row in seen)])
    return Opened(run, epoch, reason, running_s, seen, read_marks(connection, epoch))


def write_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a fact about the store itself."""
    connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value))


def _running(file: Path) -> float:
    """What `note_running` kept; 0 where it is absent or torn."""
    file.touch()
    kept = file.read_bytes()
    return float(_RUNNING.unpack(kept)[0]) if len(kept) == _RUNNING.size else 0.0


def _forget(connection: sqlite3.Connection, epoch: str, lane: Lane, mark: int, before_day: str) -> int:
    done = connection.execute(
        "DELETE FROM event WHERE id IN"
        " (SELECT id FROM event WHERE day < ? AND lane = ? AND (epoch != ? OR sequence <= ?) ORDER BY id LIMIT 5000)",
        (before_day, lane, epoch, mark),
    )
    return done.rowcount
