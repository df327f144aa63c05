"""TCP link: a real server that refuses, accepts, closes, is silent; the socket's options; addresses."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.driver import LinkDownError
from devices.links.lines import Lines
from devices.links.tcp import TcpLink, dial, excuse, host_and_port


class Server:
    """A device on the network; `connections` are those who came."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._port)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections.put_nowait((reader, writer))

    def stop(self) -> None:
        """Go away, and with it all connections."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture
async def server(free_port: Callable[[], int]) -> AsyncIterator[Server]:
    server = Server(free_port())
    yield server
    server.stop()
    await asyncio.sleep(0)  # sockets are closed in the next turn of the loop


def settings(server: Server) -> TcpLink.Settings:
    return TcpLink.Settings(tcp=server.address)


async def opened(link: TcpLink) -> None:
    """Return when the wire is open."""
    while True:
        try:
            return await link.write(b"ready")
        except LinkDownError:
            await asyncio.sleep(0)


async def write_for_ever(link: TcpLink) -> None:
    while True:
        await link.write(bytes(1 << 20))


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(1 << 20))
        await writer.drain()


async def test_refused_then_there_then_gone_then_back(lines: Lines, server: Server, told: Any) -> None:
    async with lines.open(settings(server), "door", told) as link:
        await told.until(1)
        assert told.reason == f"{server.address} refuses the connection; is the device on, and the port right?"
        await server.start()
        await server.connections.get()
        await told.until(2)
        server.stop()
        await told.until(3)
        assert told.reason == f"{server.address} closed the connection; is the device restarting?"
        with pytest.raises(LinkDownError):
            await link.write(b"x")
        await server.start()
        reader, _ = await server.connections.get()
        await told.until(4)
        await link.write(b"again")
        assert await reader.readexactly(5) == b"again"
        assert told.states == ["offline", "online", "offline", "online"]


async def test_a_peer_that_takes_no_bytes_is_given_up(lines: Lines, server: Server, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.links.byte_wire._WRITE_WITHIN_S", 0.05)
    await server.start()
    async with lines.open(settings(server), "door", told) as link:
        await opened(link)
        with pytest.raises(LinkDownError):
            await write_for_ever(link)
        await told.until(2)
        assert told.states == ["offline", "online"]


async def test_a_flood_is_read_no_faster_than_it_may_be(lines: Lines, server: Server, told: Any) -> None:
    await server.start()
    async with lines.open(settings(server), "door", told) as link:
        _, writer = await server.connections.get()
        with pytest.raises(TimeoutError):  # the sender is held up: its terabyte stays with it
            await asyncio.wait_for(send_for_ever(writer), 0.3)
        chunks = link.chunks
        assert sum(map(len, chunks._waiting)) <= (1 << 20) + (1 << 18)


async def test_the_socket_sends_at_once_and_finds_dead_peers(server: Server) -> None:
    await server.start()
    sock = await dial(*host_and_port(server.address))
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    silence_s, probes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
    assert silence_s + probes * sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 30
    sock.close()


async def test_a_name_that_nobody_knows(lines: Lines, told: Any) -> None:
    async with lines.open(TcpLink.Settings(tcp="no-such-host.invalid:4001"), "door", told):
        await told.until(1)
        assert "name is not known" in told.reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "closed the connection"),
        (TimeoutError(), "check its power"),
        (ConnectionRefusedError(), "refuses"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable; check the network"),
    ],
)
def test_every_reason_says_what_to_do(error: OSError | None, said: str) -> None:
    reason = excuse("192.0.2.5:4001")(error)
    assert "192.0.2.5:4001" in reason["en"]
    assert said in reason["en"]
    assert "192.0.2.5:4001" in reason["zh-CN"]


@pytest.mark.parametrize(
    ("address", "found"),
    [("192.0.2.5:4001", ("192.0.2.5", 4001)), ("[2001:db8::1]:502", ("2001:db8::1", 502)), ("printer:9100", ("printer", 9100))],
)
def test_addresses(address: str, found: tuple[str, int]) -> None:
    assert host_and_port(address) == found


@pytest.mark.parametrize("wrong", ["", ":", "host", "host:", ":1", "host:0", "host:65536", "host:x", "2001:db8::1:502", "host:-1", "[]:1"])
def test_what_is_no_address(wrong: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        TcpLink.Settings(tcp=wrong)


@given(st.text(max_size=30))
def test_an_address_is_one_or_a_value_error(address: str) -> None:
    try:
        host, port = host_and_port(address)
    except ValueError:
        return
    assert host
    assert 0 < port < 65_536
