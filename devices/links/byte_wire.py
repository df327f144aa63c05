"""Byte wire: the one owner of a serial line or TCP connection, with as many readers and writers as devices hold it."""

from __future__ import annotations

import asyncio
import contextlib
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast

from devices.driver import LinkDownError, LinkSettings
from devices.links.backoff import Backoff
from devices.links.chunks import Chunks
from devices.links.wire import Holder, Presence, Site
from devices.reading import Text

_WRITE_WITHIN_S: Final = 10.0
_CLOSE_WITHIN_S: Final = 0.5
_BURST: Final = 1 << 16  # bytes read at once before reading pauses, so that a flood leaves the loop to others
_BYTES_PER_S: Final = 1 << 20  # what is then read at the most; ten times the fastest serial line

Factory = Callable[[], asyncio.Protocol]
Dial = Callable[[Factory], Awaitable[asyncio.Transport]]
"""Opens the wire; raises OSError, ValueError or termios.error."""

Excuse = Callable[[BaseException | None], Text]
"""What an error of opening or losing the wire (None: the other side closed it) means, and what to do."""


class _Pipe(asyncio.Protocol):
    """One opening of the wire, from connected to lost."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._read_at = 0.0
        self._ahead = 0.0  # bytes read more than may be by now
        self.error: BaseException | None = None
        self.lost = asyncio.Event()
        self.writable = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._ahead = max(0.0, self._ahead - (now - self._read_at) * _BYTES_PER_S) + len(data)
        self._read_at = now
        if self._ahead > _BURST and self._transport:
            self._transport.pause_reading()
            self._loop.call_later(self._ahead / _BYTES_PER_S, self._resume)
        self._received(data)

    def _resume(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.error = exc
        self.lost.set()
        self.writable.set()  # whoever waits to write learns that it is lost


def _same(pipe: _Pipe) -> _Pipe:
    return pipe


class ByteWire:
    """Keeps the wire open, hands what comes in to every reader, and writes in turn."""

    def __init__(self, name: str, site: Site, dial: Dial, excuse: Excuse) -> None:
        self.presence = Presence(name)
        self._site = site
        self._dial = site.dial(name) if site.dial else dial
        self._excuse = excuse
        self._readers: list[Chunks] = []
        self._open: tuple[_Pipe, asyncio.Transport] | None = None
        self._turn = asyncio.Lock()

    @property
    def down(self) -> LinkDownError:
        """What whoever wants to use the wire is told while it is away."""
        return LinkDownError(f"{self.presence.wire} is away; it is opened again by itself")

    async def run(self) -> None:
        """Keep the wire open until cancelled."""
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                pipe = _Pipe(self._received)
                transport = await self._dial(partial(_same, pipe))
                began = loop.time()
                await self._hold(pipe, transport)
                reason = self._excuse(pipe.error)
            except (OSError, ValueError, termios.error) as error:
                reason, began = self._excuse(error), loop.time()
            self.presence.away(reason)
            await asyncio.sleep(backoff.next_s(held_s=loop.time() - began))

    async def _hold(self, pipe: _Pipe, transport: asyncio.Transport) -> None:
        """Return when the wire is lost; it is closed in any case, so that it can be opened (and locked) again."""
        try:
            self._open = (pipe, transport)
            self.presence.back()
            await pipe.lost.wait()
        finally:
            self._open = None
            if not transport.is_closing():
                transport.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_WITHIN_S):
                    await pipe.lost.wait()

    def _received(self, data: bytes) -> None:
        self._site.heard(self.presence.wire, None, data, self.presence.devices)
        for reader in self._readers:
            reader.put(data)

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def lost(self) -> asyncio.Event:
        """Set when the wire as it is now open is lost.

        Raises:
            LinkDownError: it is away already.
        """
        if self._open is None:
            raise self.down
        return self._open[0].lost

    def reader(self) -> Chunks:
        """A new reader of all that comes in from now on."""
        self._readers.append(Chunks())
        return self._readers[-1]

    def drop(self, reader: Chunks) -> None:
        """The reader reads no more."""
        self._readers.remove(reader)
        reader.close()

    async def drained(self) -> None:
        """Return when all readers have come back for more."""
        for reader in list(self._readers):
            await reader.drained()

    async def write(self, data: bytes) -> None:
        """Write `data` whole, after whoever writes just now; returns when the system has taken it.

        Raises:
            LinkDownError: the wire is away, is lost meanwhile, or takes no bytes for 10 s.
        """
        async with self._turn:
            if self._open is None:
                raise self.down
            pipe, transport = self._open
            transport.write(data)
            try:
                async with asyncio.timeout(_WRITE_WITHIN_S):
                    await pipe.writable.wait()
            except TimeoutError:
                transport.abort()
            if pipe.lost.is_set() or transport.is_closing():
                raise self.down


class ByteLink:
    """A device's own view of a byte wire: `async for chunk in link`, `await link.write(data)`."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]], chunks: Chunks, is_open: Callable[[], bool] = lambda: True) -> None:
        self._write = write
        self._is_open = is_open
        self.chunks = chunks

    @property
    def is_open(self) -> bool:
        """Whether the wire is there; while it is not, silence says nothing of the device, and the link has told why."""
        return self._is_open()

    @property
    def lost(self) -> int:
        """Chunks that were dropped because this device read too slowly."""
        return self.chunks.lost

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.chunks

    async def write(self, data: bytes) -> None:
        """Write `data` whole, after whoever writes on the wire just now.

        Raises:
            LinkDownError: the wire is away; it is opened again by itself.
        """
        await self._write(data)


B = TypeVar("B", bound=ByteLink)


class ByteOwner(Generic[B]):
    """The owner behind `SerialLink` and `TcpLink`."""

    def __init__(self, wire: ByteWire, link: type[B]) -> None:
        self._wire = wire
        self._link = link

    async def run(self) -> None:
        await self._wire.run()

    def hold(self, _: LinkSettings[Any], holder: Holder) -> B:
        self._wire.presence.join(holder, there=self._wire.is_open)
        return self._link(self._wire.write, self._wire.reader(), lambda: self._wire.is_open)

    def release(self, link: B, holder: Holder) -> None:
        self._wire.drop(link.chunks)
        self._wire.presence.leave(holder)

    async def forget(self, device: str) -> None:
        """Nothing is kept for a device that holds no link."""

    async def drained(self) -> None:
        """Return when all readers have dealt with what came in."""
        await self._wire.drained()
