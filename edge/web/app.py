"""App: the routes of the page's server."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from edge.web.answers import answered, refused
from edge.web.asks import Asks
from edge.web.files import Files
from edge.web.guard import Guard, own_names
from edge.web.named import named
from edge.web.stream import Stream
from edge.web.view import View

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def application(view: View, files: Files, stream: Stream) -> ASGIApp:
    """The page, its events, its requests, and what watches the box."""
    facts = _Facts(view, files.build)
    routes = [
        Route("/events", stream, methods=["GET"]),
        Route("/api/state", facts.state),
        Route("/api/plan", facts.plan),
        Route("/api/request/{verb}", Asks(view).ask, methods=["POST"]),
        Route("/healthz", facts.healthy),
        Route("/readyz", facts.ready),
        Route("/metrics", facts.metrics),
        *(Route(path, files.give) for path in ("/", *files.by_path)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_so, Exception: _failed})
    return Guard(app, own_names(view.hosts))


class _Facts:
    """What can be read at once."""

    def __init__(self, view: View, build: str) -> None:
        self._view, self._build = view, build

    async def state(self, _: Request) -> Response:
        plan = self._view.plan
        return answered({"branch": plan.branch, "language": plan.language, "t": self._view.moment(), "state": self._view.board.snapshot()})

    async def plan(self, _: Request) -> Response:
        return answered({**named(self._view.plan), "requests": self._view.requests, "build": self._build})

    async def healthy(self, _: Request) -> Response:
        """The process turns: this was answered by the loop that does all the work."""
        return answered({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        why = self._view.unready()
        return answered({"status": "unready", "why": why}, 503) if why else answered({"status": "ok", "why": []})

    async def metrics(self, _: Request) -> Response:
        return Response(self._view.metrics(), headers={"content-type": _EXPOSITION, "cache-control": "no-store"})


async def _not_so(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    what = {404: f"nothing is at {request.url.path[:80]}", 405: f"{request.method[:16]} is not for {request.url.path[:80]}"}
    return refused(error.status_code, what.get(error.status_code, error.detail), error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    """A mistake of ours: it is in the log, not in the answer."""
    return refused(500, "that failed on the box; its log says why")
