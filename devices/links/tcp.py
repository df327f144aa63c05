"""TCP link: bytes to and from a device with an address on the network; it reconnects by itself."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from devices.driver import LinkSettings, text
from devices.links.byte_wire import ByteLink, ByteOwner, ByteWire, Dial, Excuse, Factory
from devices.links.thread import in_thread
from devices.links.wire import Owner, Site
from devices.reading import Text

_CONNECT_WITHIN_S: Final = 5.0
_SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    # a peer that vanished without a word is found in about 30 s: 10 s of silence, then four probes 5 s apart
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 30_000),  # ms; the same while bytes of ours are not acknowledged
)


def host_and_port(address: str) -> tuple[str, int]:
    """`host:port` or `[ipv6]:port` taken apart.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and bare == host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{address!r} is no address of the form host:port, e.g. 192.0.2.5:4001")
    return bare, int(port)


def _checked(address: str) -> str:
    host_and_port(address)
    return address


Address = Annotated[str, AfterValidator(_checked)]


async def dial(host: str, port: int) -> socket.socket:
    """A connected socket that does not block: no Nagle delay, and with keepalive.

    Raises:
        OSError: it cannot be reached, within 5 s.
    """
    found = await in_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    failed: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for family, kind, protocol, _, address in found:
        try:
            return await _connected(socket.socket(family, kind, protocol), address)
        except OSError as error:
            failed = error
    raise failed


async def _connected(sock: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        sock.setblocking(False)
        for level, name, value in _SOCKET_OPTIONS:
            if option := getattr(socket, name, None):  # some are Linux's own
                sock.setsockopt(level, option, value)
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def dialler(host: str, port: int) -> Dial:
    """Opens a byte wire over TCP."""

    async def open_(factory: Factory) -> asyncio.Transport:
        transport, _ = await asyncio.get_running_loop().create_connection(factory, sock=await dial(host, port))
        return transport

    return open_


def excuse(where: str) -> Excuse:
    """What an error of a TCP connection to `where` means, and what to do."""

    def say(error: BaseException | None) -> Text:
        match error:
            case None:
                return text(f"{where} closed the connection; is the device restarting?", f"{where} 关闭了连接；设备是否正在重启？")
            case socket.gaierror():
                return text(f"{where}: the name is not known; check its spelling", f"{where}：无法解析主机名；请检查拼写")
            case ConnectionRefusedError():
                return text(
                    f"{where} refuses the connection; is the device on, and the port right?",
                    f"{where} 拒绝连接；设备是否已开机、端口是否正确？",
                )
            case TimeoutError():
                return text(
                    f"{where} does not answer; check its power, its network cable and its address",
                    f"{where} 没有应答；请检查电源、网线和地址",
                )
        said = getattr(error, "strerror", None) or str(error)
        return text(f"{where} cannot be reached: {said}; check the network", f"{where} 无法连接：{said}；请检查网络")

    return say


def tcp_name(address: str) -> str:
    """How the wire to `host:port` is called."""
    return f"tcp {address}"


def tcp_wire(address: str, site: Site) -> ByteWire:
    """The byte wire to `host:port`."""
    return ByteWire(tcp_name(address), site, dialler(*host_and_port(address)), excuse(address))


class TcpSettings(LinkSettings["TcpLink"]):
    """`{tcp: "host:port"}`."""

    tcp: Address

    def wire(self) -> str:
        return tcp_name(self.tcp)

    def owner(self, site: Site) -> Owner[TcpLink]:
        return ByteOwner(tcp_wire(self.tcp, site), TcpLink)


class TcpLink(ByteLink):
    """Bytes of a TCP connection."""

    Settings: TypeAlias = TcpSettings
