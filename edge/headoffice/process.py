"""Process: head office from start to stop, the parts in order; the one place here that sees all of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from devices.driver import text
from devices.reading import Text
from edge.headoffice.database import Database, DatabaseError, open_database
from edge.headoffice.intake import Intake
from edge.headoffice.listener import Listener
from edge.headoffice.settings import Settings
from edge.headoffice.web import Pages
from edge.running import watchdog

_LOG = logging.getLogger(__name__)
_OPEN_AGAIN_S = 2.0


class HeadOffice:
    """A running head office; `ready` is set once it listens, `url` is then its page's address."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """`folder` is where relative paths of the settings begin."""
        self._settings, self._folder = settings, folder
        self.ready = asyncio.Event()
        self.url = ""

    async def run(self) -> None:
        """Run until cancelled; what else is down is waited for.

        Raises:
            OSError: the page's port is taken.
        """
        database = await self._opened()
        try:
            await self._run(database)
        finally:
            await asyncio.to_thread(database.close)

    async def _opened(self) -> Database:
        told, kept = "", self._settings.database
        while True:
            try:
                return await asyncio.to_thread(open_database, kept.url, self._folder / (kept.folder or ""))
            except DatabaseError as error:
                if str(error) != told:
                    told = str(error)
                    _LOG.error("%s", told)
                await asyncio.sleep(_OPEN_AGAIN_S)

    async def _run(self, database: Database) -> None:
        intake = await asyncio.to_thread(Intake, database, self._settings.most_branches)
        listener = Listener(self._settings.mqtt.broker(self._folder), intake.put)

        def problems() -> list[Text]:
            stuck = text(f"nothing can be entered: {intake.problem}", f"无法入库：{intake.problem}") if intake.problem else None
            return [problem for problem in (listener.problem, stuck) if problem]

        pages = Pages(self._settings, database, lambda: dict(intake.counts), problems)
        intake.start(taken=listener.taken, answered=listener.answered)
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(listener.run())
                parts.create_task(self._serve(pages))
        finally:
            await asyncio.to_thread(intake.stop)

    async def _serve(self, pages: Pages) -> None:
        web = self._settings.web
        server = _Server(
            uvicorn.Config(
                pages.application(),
                host=web.host,
                port=web.port,
                log_config=None,
                access_log=False,
                log_level="warning",
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        serving, listens = asyncio.create_task(server.serve()), asyncio.create_task(server.listens.wait())
        try:
            await asyncio.wait({serving, listens}, return_when=asyncio.FIRST_COMPLETED)
            if listens.done():
                host, port = server.servers[0].sockets[0].getsockname()[:2]
                self.url = f"http://{host}:{port}/"
                _LOG.info("head office's page is at %s", self.url)
                self.ready.set()
            await asyncio.shield(serving)
        finally:
            listens.cancel()
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """Leaves signals to the process, and tells a taken port as an error instead of ending the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            raise OSError(f"{self.config.host}:{self.config.port} cannot be listened on; is another head office running?") from error
        self.listens.set()


async def serve(settings: Settings, folder: Path) -> None:
    """Run head office until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    running = asyncio.create_task(HeadOffice(settings, folder).run())
    stop, watching = asyncio.create_task(stopping.wait()), asyncio.create_task(watchdog())
    try:
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stop, watching, running):
            task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
