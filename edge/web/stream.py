"""Stream: the board as server-sent events: first everything, then what changed, the newest of each topic.

The form is that of the WHATWG HTML standard, section 9.2: `event: all` or `event: changed` with `{"t", "state": {topic: payload}}`
(null: the topic is gone), and each few seconds a comment, and `event: beat` with `{"t"}` that a page can miss.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from edge.web.answers import refused
from edge.web.view import View

MOST: Final = 64
BEAT_S: Final = 5.0
_RETRY_MS: Final = 1500
_SEND_WITHIN_S: Final = 30.0
_HEADERS: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


class Stream:
    """The endpoint `/events`: at most `most` streams at once; each ends when its reader goes, is too slow, or we close."""

    def __init__(self, view: View, *, most: int = MOST, beat_s: float = BEAT_S) -> None:
        self._view, self._most, self._beat_s = view, most, beat_s
        self._closing = asyncio.Event()
        self.open = 0

    def close(self) -> None:
        """End every stream; the pages open them again when they can."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.open >= self._most or self._closing.is_set():
            why = f"{self._most} pages are open already; close one" if not self._closing.is_set() else "stopping; try again in a moment"
            await refused(503, why, {"retry-after": "5"})(scope, receive, send)
            return
        self.open += 1
        try:
            await self._stream(receive, send)
        finally:
            self.open -= 1

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        tasks = [asyncio.ensure_future(part) for part in (self._changes(send), self._beats(send), _gone(receive), self._closing.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "http.response.body", "body": b""})

    async def _changes(self, send: Send) -> None:
        kind = "all"
        async with contextlib.aclosing(self._view.board.changes()) as changes:
            async for changed in changes:
                await _chunk(send, event(kind, {"t": self._view.moment(), "state": changed}))
                kind = "changed"

    async def _beats(self, send: Send) -> None:
        await _chunk(send, f"retry: {_RETRY_MS}\n\n".encode())
        while True:
            await asyncio.sleep(self._beat_s)
            await _chunk(send, b": alive\n" + event("beat", {"t": self._view.moment()}))


async def _gone(receive: Receive) -> None:
    """Return when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunk(send: Send, body: bytes) -> None:
    """Send; waits while the reader is slow, and raises TimeoutError when it does not read at all."""
    async with asyncio.timeout(_SEND_WITHIN_S):
        await send({"type": "http.response.body", "body": body, "more_body": True})


def event(kind: str, data: Mapping[str, Any]) -> bytes:
    """One event; JSON has no line breaks, so that its data is one line."""
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
