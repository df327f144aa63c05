"""The store of a branch: occurrences kept once, events numbered and durable, and what a restart begins from."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final

from devices.reading import Occurrence
from edge.clock import Clock, day_of, written
from edge.event import Event, Lane, lane_of
from edge.store.history import answered_orders, events_since, last_id, queue_events
from edge.store.lock import InUseError, hold
from edge.store.opening import Opened, mark_damaged, opened
from edge.store.outbox import Numbered, Outbox
from edge.store.reader import Reader
from edge.store.repeats import Repeats
from edge.store.running import RunningFile
from edge.store.schema import FILE_NAME, connect
from edge.store.writer import Writer

_LOG = logging.getLogger(__name__)
EPOCH_BEGAN: Final = "outbox.epoch_began"
_MOST_WAITING: Final = 5000

_SEEN_FOR_S: Final = 3600.0
"""How long what was seen is remembered; no wire's window is longer than ten minutes."""


class Store:
    """Everything that must not be lost. Opened once, in the event loop; all disk work is on threads of its own."""

    def __init__(self, folder: Path, clock: Clock, zone: tzinfo, told: Callable[[str | None], None]) -> None:
        """`told`: why the store cannot be written just now, or None when it can again; called in the event loop."""
        self._folder, self._clock, self._zone, self._told = folder, clock, zone, told
        self.problem: str | None = None
        self.damage: str | None = None
        self.damaged = asyncio.Event()
        """Set when the database shows damage: the store is to be closed, and sets it aside when it is opened again."""
        self.bulk_given_up = 0
        self.untold = 0  # bulk events given up, for which there is no event yet

    async def open(self) -> None:
        """Open or make the database; one that is damaged is set aside.

        Raises:
            StoreError: it cannot be opened; says where and what to do.
        """
        loop = asyncio.get_running_loop()
        opening = asyncio.ensure_future(asyncio.to_thread(self._open))
        try:
            self._connection, reader, opened_ = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._close_unused)  # a thread cannot be cancelled
            await asyncio.wait({opening})
            raise
        self._reader = Reader(reader, lambda why: loop.call_soon_threadsafe(self._found_damaged, why))
        self.writer = Writer(
            self._connection,
            lambda why: loop.call_soon_threadsafe(self._tell, why),
            lambda why: loop.call_soon_threadsafe(self._found_damaged, why),
        )
        self.outbox = Outbox(self.writer, self._reader, opened_.epoch, opened_.marks)
        self.repeats = Repeats.of(opened_.seen, opened_.run)
        self.epoch_reason = opened_.epoch_reason
        self.bulk_given_up = self.untold = self._running.given_up
        self.last_wall_s = self._running.wall_s  # when the last run was there last
        self._running_from_s = max([self._running.running_s, *(row[2] for row in opened_.seen)]) - self._clock.monotonic()

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection, Opened]:
        path = self._folder / FILE_NAME
        with contextlib.ExitStack() as undone:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._lock = undone.enter_context(hold(self._folder))
                self._running = undone.enter_context(contextlib.closing(RunningFile(self._folder)))
                connection, opened_ = opened(self._folder, ran_before=self._running.running_s > 0)
                reader = connect(path, read_only=True)
            except InUseError as error:
                raise StoreError(f"{self._folder}: {error}") from error
            except (sqlite3.Error, OSError) as error:
                what = error.strerror if isinstance(error, OSError) else error
                raise StoreError(f"{path}: cannot be opened: {what}; the folder has to be ours to write, and the disk have room") from error
            undone.pop_all()
        return connection, reader, opened_

    def _close_unused(self, opening: asyncio.Future[tuple[sqlite3.Connection, sqlite3.Connection, Opened]]) -> None:
        if opening.cancelled() or opening.exception():
            return
        for opened_ in (*opening.result()[:2], self._running, self._lock):
            opened_.close()

    def running_s(self) -> float:
        """Seconds that the box was running, over all runs; the time that it was down does not count."""
        return self._running_from_s + self._clock.monotonic()

    def note_running(self) -> None:
        """Keep over a kill how long the box ran, and what it gave up; called each second."""
        self._running.write(self.running_s(), self.untold, self._clock.now())

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
        numbered = [self._number(event) for event in self._worth_keeping(events)]
        row = self.repeats.keep(occurrence, self.running_s()) if occurrence else None
        epoch = self.outbox.epoch

        def job(connection: sqlite3.Connection) -> list[Numbered]:
            if numbered:
                self.outbox.insert(connection, numbered, epoch)
            if any(one.event.type == EPOCH_BEGAN for one in numbered):
                connection.execute("DELETE FROM fact WHERE name = 'epoch_reason'")
            if row:
                connection.execute("INSERT OR REPLACE INTO seen (device, identity, last_s, number, run) VALUES (?, ?, ?, ?, ?)", row)
            return numbered

        done = self.writer.submit(job)

        def tell(finished: asyncio.Future[list[Numbered]]) -> None:
            if not finished.cancelled() and finished.exception() is None:
                self.outbox.committed(numbered, epoch)
            elif occurrence:
                self.repeats.forget(occurrence)

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
        self.untold += len(events) - len(kept)
        return kept

    def given_up(self) -> int:
        """How many bulk events were given up and not told yet, once the disk takes events again; whoever asks tells it."""
        if self.problem:
            return 0
        count, self.untold = self.untold, 0
        return count

    def day(self, ahead: int = 0) -> str:
        """The local day it is now, or `ahead` days from now, `YYYY-MM-DD`."""
        return day_of(self._clock.now() + ahead * 86_400, self._zone)

    def since(self, type_: str) -> list[Event]:
        """Events from the newest of `type_` on, in order; all where there is none. Blocks on the disk."""
        return list(events_since(self._reader, type_))

    def past_of_queue(self, days: int) -> Callable[[], list[Event]]:
        """A reader (it blocks on the disk) of what happened in the queue in the last `days` up to this moment. Blocks too."""
        newest, first_day, damaged = last_id(self._reader), self.day(-days), self._reader.damaged

        def read() -> list[Event]:
            with contextlib.closing(Reader(connect(self._folder / FILE_NAME, read_only=True), damaged)) as reader:
                return queue_events(reader, first_day, newest)

        return read

    def answered_orders(self) -> list[str]:
        """The ids of head office's orders that were answered, the newest 10,000. Blocks on the disk."""
        return answered_orders(self._reader)

    def forget(self, *, before_day: str, bulk_before_day: str) -> asyncio.Future[int]:
        """Delete acknowledged events whose retention is over, some thousands at a time; how many were deleted."""
        marks = [(self.outbox.epoch, lane, self.outbox.acknowledged(lane)) for lane in Lane]

        def job(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM seen WHERE last_s < ?", (self.running_s() - _SEEN_FOR_S,))
            return sum(_forget(connection, *mark, bulk_before_day if mark[1] is Lane.BULK else before_day) for mark in marks)

        return self.writer.submit(job)

    async def close(self) -> None:
        """Commit what waits and close; a disk that hangs is left to itself."""
        ended = await asyncio.to_thread(self.writer.close)
        self.note_running()
        if self.damage:
            await asyncio.to_thread(mark_damaged, self._folder, self.damage)
        if ended:
            self._reader.close()
            self._connection.close()
        self._running.close()
        self._lock.close()

    def _found_damaged(self, why: str) -> None:
        if self.damage is None:
            self.damage = why
            self.damaged.set()

    def _tell(self, why: str | None) -> None:
        if why != self.problem:
            self.problem = why
            self._told(why)


def _nothing(_: sqlite3.Connection) -> None:
    """A job that is done when those before it are."""


class StoreError(Exception):
    """The store cannot be opened; the text says where and what to do."""


def _forget(connection: sqlite3.Connection, epoch: str, lane: Lane, mark: int, before_day: str) -> int:
    done = connection.execute(
        "DELETE FROM event WHERE id IN"
        " (SELECT id FROM event WHERE day < ? AND lane = ? AND (epoch != ? OR sequence <= ?) ORDER BY id LIMIT 5000)",
        (before_day, lane, epoch, mark),
    )
    return done.rowcount
