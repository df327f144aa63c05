"""The page's server: what the board shows, as a page, as events, and as JSON; on loopback unless configured."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

import uvicorn

from devices.links.backoff import Backoff
from devices.reading import Text
from edge.web.app import application
from edge.web.files import Files
from edge.web.listen import excuse, listening
from edge.web.stream import Stream
from edge.web.view import View

_LOG = logging.getLogger(__name__)
_MOST_CONNECTIONS: Final = 256
_LARGEST_HEAD: Final = 16_384
_LET_GO_S: Final = 0.25


class WebServer:
    """Serves until it is cancelled; `problem` says why the page cannot be reached just now."""

    def __init__(self, listen: str, view: View) -> None:
        """`listen` is `host:port`."""
        self._listen, self._view = listen, view
        self.problem: Text | None = None
        self.ports: list[int] = []

    async def run(self) -> None:
        """Serve; a port that is taken is tried again and again, and told once."""
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what is no HTTP is answered with 400, and no news
        files = await asyncio.to_thread(Files)
        backoff = Backoff()
        while True:
            try:
                sockets = await listening(self._listen)
            except OSError as error:
                self._away(excuse(self._listen, error))
                await asyncio.sleep(0.5 + backoff.next_s())
            else:
                self._back(sockets)
                await self._serve(sockets, files)

    def _away(self, why: Text) -> None:
        if self.problem is None:
            _LOG.warning("%s", why["en"])
        self.problem = why

    def _back(self, sockets: list[socket.socket]) -> None:
        if self.problem is not None:
            _LOG.warning("page: it is at %s now", self._listen)
        self.problem = None
        self.ports = [sock.getsockname()[1] for sock in sockets]

    async def _serve(self, sockets: list[socket.socket], files: Files) -> None:
        """uvicorn without its own loop: it installs no signal handlers, logs nothing of its own, and stops when we do."""
        stream = Stream(self._view)
        config = uvicorn.Config(
            application(self._view, files, stream),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets)
        try:
            await asyncio.Event().wait()
        finally:
            stream.close()
            await _stopped(server)


async def _stopped(server: uvicorn.Server) -> None:
    """Stop at once: what is being answered has a moment, then its connection is cut."""
    for listener in server.servers:
        listener.close()
    under_way = server.server_state.tasks
    if under_way:
        await asyncio.wait(set(under_way), timeout=_LET_GO_S)
    for connection in list(server.server_state.connections):
        if connection.transport is not None:
            connection.transport.abort()
    for task in set(under_way):
        task.cancel()
    await asyncio.gather(*set(under_way), return_exceptions=True)
