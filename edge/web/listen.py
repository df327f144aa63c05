"""Listen: the sockets at `host:port`, opened without blocking and without waiting for a reader that is gone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Final

from devices.driver import text
from devices.reading import Text

_BACKLOG: Final = 128
_UNACKNOWLEDGED_MS: Final = 30_000


async def listening(listen: str) -> list[socket.socket]:
    """A socket for every address of the host (localhost has two).

    Raises:
        OSError: none can be listened on.
    """
    host, _, port = listen.rpartition(":")
    found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
        try:
            sockets.append(_bound(family, address))
        except OSError as error:
            failed = error
    if failed and (not sockets or failed.errno != errno.EADDRNOTAVAIL):  # a box without IPv6 has no ::1
        _close(sockets)
        raise failed
    return sockets


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)  # what is accepted inherits it
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.close()


def excuse(listen: str, error: OSError) -> Text:
    """Why the page cannot be reached, and what to do."""
    port = listen.rpartition(":")[2]
    match error:
        case socket.gaierror():
            return text(
                f"page: {listen} is no address of this box; correct `web: listen:`", f"页面：{listen} 不是本机地址；请修改 web: listen:"
            )
        case PermissionError():
            return text(
                f"page: port {port} may not be opened; take one from 1024 on in `web: listen:`",
                f"页面：无权使用端口 {port}；请在 web: listen: 中改用 1024 以上的端口",
            )
        case OSError(errno=errno.EADDRINUSE):
            return text(
                f"page: port {port} is taken by another program; stop that, or change `web: listen:`",
                f"页面：端口 {port} 已被其他程序占用；请停止该程序或修改 web: listen:",
            )
        case _:
            return text(
                f"page: cannot listen on {listen}: {error}; correct `web: listen:`",
                f"页面：无法监听 {listen}：{error}；请修改 web: listen:",
            )
