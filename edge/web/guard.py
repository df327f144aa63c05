"""Guard: who may speak with the page's server, and what its answers tell a browser to refuse.

Against DNS rebinding a request must name us by an address or a name that is known; against requests forged by other sites one
that changes anything must come from our own page, in JSON, with a header that another site cannot set without our leave.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web.answers import refused

OUR_HEADER: Final = "x-smartbranch"
_SAFE: Final = frozenset({"GET", "HEAD"})
_OURSELVES: Final = frozenset({"same-origin", "none"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def own_names(hosts: Collection[str]) -> frozenset[str]:
    """The names that the page answers to: this machine's, and those of the branch's file."""
    machine = socket.gethostname().lower()
    return frozenset({"localhost", machine, f"{machine.partition('.')[0]}.local", *(host.lower() for host in hosts)})


def host_refused(host: str, names: Collection[str]) -> str | None:
    """Why a request with this `Host` is none for us, or None. An address cannot be rebound; a name must be one of ours."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if name.rstrip(".") in names or _is_address(name):
        return None
    return f"{host[:80] or 'nothing'!r} is no name of this page; use its address, or add the name to `web: hosts:` in the branch's file"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def change_refused(headers: Headers) -> str | None:
    """Why a request that changes something is refused, or None."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return "requests come from our own page, not from another site"
    if site is not None and site not in _OURSELVES:
        return "requests come from our own page, not from another site"
    if OUR_HEADER not in headers:
        return f"a request carries the header {OUR_HEADER}: 1"
    return None


class Guard:
    """Stands before the application: refuses what is not for us, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if why := host_refused(headers.get("host", ""), self._names):
            await refused(421, why)(scope, receive, guarded)
        elif scope["method"] not in _SAFE and (why := change_refused(headers)):
            await refused(403, why)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)
