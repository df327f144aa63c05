"""The one thread that writes: jobs that came while a commit was under way share the next one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

_LOG = logging.getLogger(__name__)
_RETRY_S: Final = 1.0
_MOST_IN_ONE_COMMIT: Final = 2000


class StoreClosedError(Exception):
    """What was to be kept is not: its sender must not be told that it was."""


Job = Callable[[sqlite3.Connection], Any]
Told = Callable[[str | None], object]
_Entry = tuple[Job, Future[Any]]
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file itself is not sound; trying again is of no use then."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


class Writer:
    """Runs jobs in order, many in one transaction; a job's future is done when its commit is on the disk.

    A commit that fails (a full disk) is tried again until it holds: nothing that waits here is lost or passed over.
    """

    def __init__(self, connection: sqlite3.Connection, told: Told, damaged: Callable[[str], object]) -> None:
        """Both are called from the writing thread.

        `told` with why writing fails, and with None when it works again; `damaged` when the file itself is not sound: the thread ends.
        """
        self._connection = connection
        self._told, self._damaged = told, damaged
        self._jobs: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ended = False
        self._failing = False
        self.waiting = 0  # jobs not yet committed
        self.commits = 0  # transactions on the disk
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Queue a job; awaits to what it returned, once that is durable.

        Raises:
            StoreClosedError: (when awaited) the writer ended before.
        """
        self.waiting += 1
        done: Future[Any] = Future()
        done.set_running_or_notify_cancel()  # whoever stops waiting for it does not take it back
        wrapped = asyncio.wrap_future(done)
        wrapped.add_done_callback(self._counted)
        self._jobs.put((job, done))
        if self._ended:
            self._refuse_all()
        return wrapped

    def _counted(self, done: asyncio.Future[Any]) -> None:
        self.waiting -= 1
        if not done.cancelled():
            done.exception()  # has been seen: not everybody waits for what becomes of a job

    def close(self, timeout_s: float = 3.0) -> bool:
        """Commit what waits, then end; on a disk that stays full, what was never acknowledged is left to its devices.

        False: the disk hangs, and the thread with it.
        """
        self._jobs.put(None)
        self._thread.join(_RETRY_S / 2 if self._failing else timeout_s)
        self._stop.set()
        self._thread.join(_RETRY_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if batch and not self._commit(batch):
                break
        self._ended = True
        self._refuse_all()

    def _refuse_all(self) -> None:
        """Whatever is left, and whatever still comes, is not kept."""
        with contextlib.suppress(queue.Empty):
            while True:
                if (entry := self._jobs.get_nowait()) is not None:
                    entry[1].set_exception(StoreClosedError("the store is closed; whoever sent it keeps it"))

    def _next_batch(self) -> tuple[list[_Entry], bool]:
        batch: list[_Entry] = []
        entry = self._jobs.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) >= _MOST_IN_ONE_COMMIT:
                return batch, False
            try:
                entry = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Entry]) -> bool:
        """Write a batch, trying until it holds; False when that is of no use any more."""
        while not self._stop.is_set():
            try:
                results = self._transaction(batch)
            except sqlite3.Error as error:
                self._undo()
                if is_damage(error):
                    self._damaged(str(error))
                    break
                self._failed(error)
            else:
                self._succeeded()
                for (_, done), result in zip(batch, results, strict=True):
                    done.set_result(result)
                return True
        for _, done in batch:
            done.set_exception(StoreClosedError("stopped before the disk took it; whoever sent it keeps it"))
        return False

    def _transaction(self, batch: list[_Entry]) -> list[Any]:
        """What the jobs returned, once that is on the disk; one that can never be done is taken out of the batch, and told."""
        while True:
            self._connection.execute("BEGIN IMMEDIATE")
            results, unfit = self._done(batch)
            if unfit is None:
                self._connection.commit()
                return results
            self._undo()
            entry, error = unfit
            batch.remove(entry)
            _LOG.error("something cannot be kept, and is left out", exc_info=error)
            entry[1].set_exception(error)

    def _done(self, batch: list[_Entry]) -> tuple[list[Any], tuple[_Entry, Exception] | None]:
        results: list[Any] = []
        for entry in batch:
            try:
                results.append(entry[0](self._connection))
            except Exception as error:
                if isinstance(error, sqlite3.OperationalError) or is_damage(error):
                    raise  # the disk's fault, not the job's
                return results, (entry, error)
        return results, None

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # a rollback after an I/O error may fail in turn; the next BEGIN tells
            self._connection.rollback()

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._failing:
            self._failing = True
            _LOG.error("the store cannot be written: %s; devices keep what is not acknowledged, it is tried again each second", error)
        self._told(str(error))
        self._stop.wait(_RETRY_S)

    def _succeeded(self) -> None:
        self.commits += 1
        if self._failing:
            self._failing = False
            _LOG.warning("the store is written again")
            self._told(None)
