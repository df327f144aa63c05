"""Broker: where an MQTT broker is, one connection to it, and staying connected; the devices, head office and the topics share this."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import aiomqtt
import msgspec
import paho.mqtt.client as paho

from devices.driver import DriverError, LinkDownError
from devices.links.backoff import Backoff
from devices.links.broker_reason import CertificateFileError, HungUpError, reason
from devices.links.tcp import dial
from devices.links.thread import in_thread
from devices.reading import Text

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_TLS_WITHIN_S: Final = 5.0
_CLOSE_WITHIN_S: Final = 0.5
KEEPALIVE_S: Final = 30

T = TypeVar("T")

Prepare = Callable[[aiomqtt.Client], None]


class Client(aiomqtt.Client):
    """aiomqtt's, but a cancellation that comes together with an answer is not lost, as it is in Python 3.11's `asyncio.wait_for`."""

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("no answer from the broker") from None

    def _on_disconnect(self, client: paho.Client, userdata: Any, *how: Any) -> None:
        """A broker that hangs up instead of answering need not be waited for."""
        if not self._connected.done():
            self._connected.set_exception(HungUpError("closed"))
        super()._on_disconnect(client, userdata, *how)


class BrokerAwayError(LinkDownError):
    """The broker cannot be reached, refuses us, or went away; `reason` says what to do."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason["en"])
        self.reason = reason


class Broker(msgspec.Struct, frozen=True):
    """Where a broker is, and who we are to it; never shows the password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None  # None: the certificates that the system trusts
    certificate_file: Path | None = None  # ours, with its key in `key_file` or in the same file; None: we show none
    key_file: Path | None = None

    @classmethod
    def of(
        cls,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | None = None,
        certificate_file: Path | None = None,
        key_file: Path | None = None,
    ) -> Broker:
        """The broker at `mqtt://[user:password@]host[:port]`, or `mqtts://` for TLS; given credentials go before those in the URL.

        Raises:
            DriverError: the URL is none of a broker.
        """
        try:
            parts = urlsplit(url)
            default = _PORTS[parts.scheme]
            port = parts.port or default
        except (KeyError, ValueError):
            parts, port = urlsplit(""), 0
        if not parts.hostname or parts.path.strip("/") or parts.query:
            raise DriverError(f"{_bare(url)!r} is no broker; write mqtt://host:1883, or mqtts://host:8883 for TLS")
        who = username or unquote(parts.username or "") or None, password or unquote(parts.password or "") or None
        return cls(parts.hostname, port, parts.scheme == "mqtts", *who, ca_file, certificate_file, key_file)

    @property
    def url(self) -> str:
        """The URL without who we are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtt{'s' if self.tls else ''}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Broker({self.url}, username={self.username!r})"


def _bare(url: str) -> str:
    """`url` without user and password, for messages."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2]


@contextlib.asynccontextmanager
async def connect(
    broker: Broker,
    identifier: str,
    *,
    clean_session: bool = False,
    will: aiomqtt.Will | None = None,
    prepare: Prepare | None = None,
) -> AsyncIterator[aiomqtt.Client]:
    """One connection, from CONNACK to DISCONNECT; `prepare` is handed the client before anything can arrive.

    Cancelled at any moment it leaves neither thread nor socket behind, and closing takes under a second.

    Raises:
        BrokerAwayError: the broker cannot be reached or refuses us.
        aiomqtt.MqttError: out of the client's own calls, when the connection is lost later.
    """
    try:
        sock = await _dial(broker)
    except OSError as error:
        raise BrokerAwayError(reason(broker.url, broker.username, error)) from error
    client = Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=identifier,
        clean_session=clean_session,
        will=will,
        keepalive=KEEPALIVE_S,
    )
    client.pending_calls_threshold = 1_000  # only a warning in its log
    if prepare:
        prepare(client)
    async with _connected(broker, client, sock):
        yield client


@contextlib.asynccontextmanager
async def _connected(broker: Broker, client: aiomqtt.Client, sock: socket.socket) -> AsyncIterator[None]:
    """aiomqtt lets paho connect in a thread that cannot be cancelled; handed a connected socket it need not wait, so it does so here."""
    inner = client._client  # noqa: SLF001
    inner._create_socket_connection = lambda: sock  # type: ignore[method-assign] # noqa: SLF001
    try:
        client._client_connect()  # noqa: SLF001
        client._client_connect = lambda: None  # type: ignore[method-assign] # noqa: SLF001
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise BrokerAwayError(reason(broker.url, broker.username, error)) from error
        try:
            yield
        finally:
            client.timeout = _CLOSE_WITHIN_S
            with contextlib.suppress(aiomqtt.MqttError):  # it is lost already: nobody is there to take leave of
                await client.__aexit__(None, None, None)
            if client._disconnected.done() and not client._disconnected.cancelled():  # noqa: SLF001
                client._disconnected.exception()  # noqa: SLF001 # has been seen: asyncio would log it
    finally:
        inner._sock_close()  # noqa: SLF001
        sock.close()


async def _dial(broker: Broker) -> socket.socket:
    """A connected socket, inside TLS where the broker's URL says so; it does not block."""
    if not broker.tls:
        return await dial(broker.host, broker.port)
    context = await in_thread(partial(_trust, broker))
    sock = context.wrap_socket(await dial(broker.host, broker.port), server_hostname=broker.host, do_handshake_on_connect=False)
    try:
        async with asyncio.timeout(_TLS_WITHIN_S):
            await _shake_hands(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _trust(broker: Broker) -> ssl.SSLContext:
    """Whom we trust and what we show. Blocks on the disk.

    Raises:
        CertificateFileError: a file is absent, or holds no certificate or key; names it.
    """
    with _naming(broker.ca_file):
        context = ssl.create_default_context(cafile=broker.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.certificate_file:
        with _naming(broker.certificate_file, broker.key_file):
            context.load_cert_chain(broker.certificate_file, broker.key_file)
    return context


@contextlib.contextmanager
def _naming(*files: Path | None) -> Iterator[None]:
    """Errors of OpenSSL do not say which file they are about."""
    try:
        yield
    except OSError as error:
        raise CertificateFileError(f"{' and '.join(str(file) for file in files if file)}: {error.strerror or error}") from error


async def _shake_hands(sock: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        try:
            return sock.do_handshake()
        except ssl.SSLWantReadError:
            loop.add_reader(sock, ready.set)
        except ssl.SSLWantWriteError:
            loop.add_writer(sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(sock)
            loop.remove_writer(sock)


async def _use(client: aiomqtt.Client, use: Callable[[aiomqtt.Client], Awaitable[None]]) -> None:
    """Use the connection while it lasts; only iterating over messages would notice by itself that it is lost.

    Raises:
        aiomqtt.MqttError: it was lost.
    """
    lost = client._disconnected  # noqa: SLF001 # aiomqtt tells it to nobody else
    using = asyncio.ensure_future(use(client))
    try:
        await asyncio.wait({using, lost}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        using.cancel()
        await asyncio.wait({using})
    error = lost.exception() if lost.done() else None
    if not using.cancelled():
        using.result()
    if error:
        raise aiomqtt.MqttError("lost") from error


async def stay_connected(
    broker: Broker,
    identifier: str,
    use: Callable[[aiomqtt.Client], Awaitable[None]],
    *,
    away: Callable[[Text], None],
    clean_session: bool = False,
    will: aiomqtt.Will | None = None,
    prepare: Prepare | None = None,
) -> None:
    """Connect, `use` the connection until it is lost (`use` is then cancelled), tell `away` why, wait, and again until cancelled.

    `away` is told after each failed attempt: whoever logs or tells it does so once. After a `use` that returns, or that takes
    leave of the broker, the next connection begins at once.
    """
    backoff, loop = Backoff(), asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            async with connect(broker, identifier, clean_session=clean_session, will=will, prepare=prepare) as client:
                began = loop.time()
                await _use(client, use)
        except BrokerAwayError as error:
            away(error.reason)
            await asyncio.sleep(backoff.next_s())
        except aiomqtt.MqttError as error:
            away(reason(broker.url, broker.username, error))
            await asyncio.sleep(backoff.next_s(held_s=loop.time() - began))
