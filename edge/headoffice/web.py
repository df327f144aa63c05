"""Web: head office's page, its API, health and metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from devices.reading import Text
from edge.headoffice.database import Database, DatabaseError
from edge.headoffice.fleet import Line, fleet, summary
from edge.headoffice.settings import Settings

_PAGE: Final = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_FRESH_S: Final = 1.0  # the fleet is read from the database at most so often

Counts = Callable[[], dict[str, int]]
Problems = Callable[[], list[Text]]


class Pages:
    """What is served; `counts` and `problems` are asked at each request."""

    def __init__(self, settings: Settings, database: Database, counts: Counts, problems: Problems) -> None:
        self._settings, self._database = settings, database
        self._counts, self._problems = counts, problems
        self._lines: list[Line] = []
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(counts, lambda: self._lines))

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/", self._page),
            Route("/api/branches", self._branches),
            Route("/healthz", self._health),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]
        return Starlette(routes=routes)

    async def _fleet(self) -> list[Line]:
        async with self._reading:
            if time.monotonic() - self._read_at > _FRESH_S:
                states = await asyncio.to_thread(self._database.branches)
                self._lines = fleet(self._settings.branches, states, time.time())
                self._read_at = time.monotonic()
        return self._lines

    async def _page(self, _request: Request) -> Response:
        return HTMLResponse(_PAGE, headers=_HEADERS)

    async def _branches(self, _request: Request) -> Response:
        try:
            lines = await self._fleet()
        except DatabaseError as error:
            return _json({"error": str(error)}, 503)
        return _json({"t": time.time(), "problems": self._problems(), "summary": summary(lines), "branches": lines})

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _request: Request) -> Response:
        problems = [problem["en"] for problem in self._problems()]
        return PlainTextResponse("\n".join(problems or ["ready"]) + "\n", 503 if problems else 200)

    async def _metrics(self, _request: Request) -> Response:
        try:
            await self._fleet()
        except DatabaseError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Response(generate_latest(self._registry), media_type="text/plain; version=0.0.4")


class _Collector:
    """Counters of the intake, and gauges over the fleet as it was last read."""

    def __init__(self, counts: Counts, lines: Callable[[], list[Line]]) -> None:
        self._counts, self._lines = counts, lines

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily("smartbranch_headoffice", "What the intake did since the start.", labels=["what"])
        for what, number in sorted(self._counts().items()):
            counted.add_metric([what], number)
        yield counted
        for name, value in summary(self._lines()).items():
            yield GaugeMetricFamily(f"smartbranch_headoffice_{name}", "Over all branches, as the page shows it.", value=value)


def _json(payload: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(payload), status, media_type="application/json", headers=_HEADERS)
