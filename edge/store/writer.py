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


class Writer:
    """Runs jobs in order, many in one transaction; a job's future is done when its commit is on the disk.

    A commit that fails (a full disk) is tried again until it holds: nothing that waits here is lost or passed over.
    """

    def __init__(self, connection: sqlite3.Connection, told: Told) -> None:
        """`told` is called (from the writing thread) with why writing fails, and with None when it works again."""
        self._connection = connection
        self._told = told
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._failing = False
        self.waiting = 0  # jobs not yet committed
        self.commits = 0  # transactions on the disk
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Queue a job; awaits to what it returned, once that is durable."""
        self.waiting += 1
        done: Future[Any] = Future()
        done.set_running_or_notify_cancel()  # whoever stops waiting for it does not take it back
        wrapped = asyncio.wrap_future(done)
        wrapped.add_done_callback(self._counted)
        self._jobs.put((job, done))
        return wrapped

    def _counted(self, _: asyncio.Future[Any]) -> None:
        self.waiting -= 1

    def close(self, timeout_s: float = 3.0) -> None:
        """Commit what waits, then end; on a disk that stays full, what was never acknowledged is left to its devices."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        self._stop.set()
        self._thread.join(_RETRY_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if batch and not self._commit(batch):
                break

    def _next_batch(self) -> tuple[list[tuple[Job, Future[Any]]], bool]:
        batch: list[tuple[Job, Future[Any]]] = []
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

    def _commit(self, batch: list[tuple[Job, Future[Any]]]) -> bool:
        while not self._stop.is_set():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                results = [job(self._connection) for job, _ in batch]
                self._connection.commit()
            except sqlite3.Error as error:
                self._failed(error)
            else:
                self._succeeded()
                for (_, done), result in zip(batch, results, strict=True):
                    done.set_result(result)
                return True
        for _, done in batch:
            done.set_exception(StoreClosedError("stopped before the disk took it; whoever sent it keeps it"))
        return False

    def _failed(self, error: sqlite3.Error) -> None:
        with contextlib.suppress(sqlite3.Error):  # a rollback after an I/O error may fail in turn; the next BEGIN tells
            self._connection.rollback()
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
