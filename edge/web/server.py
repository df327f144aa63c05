"""The page's server: what the board shows, as a page, as events, and as JSON; on loopback unless configured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.branch.plan import Plan
from edge.bus import Board


class Reply(Protocol):
    """What came of a request."""

    @property
    def status(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


Ask = Callable[[str, Mapping[str, Any], str], Awaitable[Reply]]


async def serve(listen: str, plan: Plan, board: Board, ask: Ask, figures: Callable[[], Mapping[str, float]]) -> None:
    """Serve until cancelled."""
    del ask, figures

    async def state(_: Request) -> Response:
        body = {"branch": plan.branch, "language": plan.language, "state": board.snapshot()}
        return Response(msgspec.json.encode(body), media_type="application/json")

    host, _, port = listen.rpartition(":")
    app = Starlette(routes=[Route("/api/state", state)])
    server = uvicorn.Server(uvicorn.Config(app, host=host.strip("[]"), port=int(port), log_level="warning", lifespan="off"))
    await server._serve()  # noqa: SLF001 (serve() installs signal handlers)
