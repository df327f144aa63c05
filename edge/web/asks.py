"""Asks: what people at the page ask of the branch, `POST /api/request/<verb>` with a JSON object of at most 16 KiB."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from edge.branch.request import VERBS
from edge.web.answers import answered, refused
from edge.web.view import View

_LARGEST: Final = 16_384
_BODY_WITHIN_S: Final = 10.0
_MOST_AT_ONCE: Final = 16
_EXAMPLE: Final = '{"counter": "1"}'


class _BodyError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Asks:
    """The endpoint; a bounded number of requests is under way at once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._under_way = 0

    async def ask(self, request: Request) -> Response:
        """Do what is asked; 200 when it is done, 409 when the branch refuses it, with the reason."""
        verb = request.path_params["verb"]
        if not self._view.requests:
            return refused(403, "requests at the page are switched off: set `web: requests: true` in the branch's file")
        if verb not in VERBS:
            return refused(404, f"no request at the page is called {verb[:80]!r}; there are {', '.join(VERBS)}")
        if self._under_way >= _MOST_AT_ONCE:
            return refused(429, "too many requests are under way; try again in a moment", {"retry-after": "1"})
        self._under_way += 1
        try:
            return await self._do(verb, await _arguments(request))
        except _BodyError as error:
            return refused(error.status, str(error))
        finally:
            self._under_way -= 1

    async def _do(self, verb: str, arguments: Mapping[str, Any]) -> Response:
        reply = await self._view.ask(verb, {"issuer": "page", **arguments}, "page")
        body = {"status": reply.status, "error": reply.error, "data": reply.data}
        return answered(body, 200 if reply.status == "ok" else 409)


async def _arguments(request: Request) -> Mapping[str, Any]:
    """The object in the body.

    Raises:
        _BodyError: it is too large, too slow, or no JSON object.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _BodyError(415, f"a request is JSON (content-type: application/json), for example {_EXAMPLE}")
    try:
        given = msgspec.json.decode(await _body(request) or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _BodyError(400, f"is no JSON: {error}; write for example {_EXAMPLE}") from error
    if not isinstance(given, dict):
        raise _BodyError(400, f"is no JSON object; write for example {_EXAMPLE}")
    return given


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for part in request.stream():
                body += part
                if len(body) > _LARGEST:
                    raise _BodyError(413, f"a request has at most {_LARGEST} bytes")
    except (TimeoutError, ClientDisconnect) as error:
        raise _BodyError(408, f"the request did not come whole within {_BODY_WITHIN_S:.0f} s") from error
    return body
