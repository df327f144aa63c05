"""Wires that simulated devices hang on: a pty under a stable name, a TCP port; bytes take the time that they take at the baud rate."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

Heard = Callable[[bytes], None]
_BITS_A_BYTE: Final = 10  # 8N1
_CHUNK: Final = 4096


class Plug(Protocol):
    """What can be connected and taken away."""

    async def plug(self) -> None:
        """Connect it; on one that is connected nothing happens."""
        ...

    async def unplug(self) -> None:
        """Take it away, as when the adapter is pulled out."""
        ...


class Wire(Plug, Protocol):
    """What a device says on a wire, and who is told what the host says."""

    @property
    def address(self) -> str:
        """How the wire is written in `branch.yaml` under `serial:`."""
        ...

    def listen(self, heard: Heard) -> None:
        """Tell `heard` every piece of what the host says."""
        ...

    async def send(self, frame: bytes) -> None:
        """Put bytes on the wire; returns when the last has gone. Nobody may be listening."""
        ...


class _Line:
    """The half-duplex part that all wires share: two that speak at once spoil both."""

    def __init__(self, baud: int) -> None:
        self._baud = baud
        self._listeners: list[Heard] = []
        self._speaking: list[bytearray] = []

    def listen(self, heard: Heard) -> None:
        self._listeners.append(heard)

    def _tell(self, received: bytes) -> None:
        for heard in self._listeners:
            heard(received)

    async def send(self, frame: bytes) -> None:
        if not frame:
            return
        speaking = bytearray(frame)
        self._speaking.append(speaking)
        if len(self._speaking) > 1:
            for spoken in self._speaking:
                spoken[:] = bytes(byte ^ 0x55 for byte in spoken) if spoken else spoken
        try:
            await asyncio.sleep(len(frame) * _BITS_A_BYTE / self._baud)
            self._put(bytes(speaking))
        finally:
            self._speaking = [spoken for spoken in self._speaking if spoken is not speaking]

    def _put(self, wire: bytes) -> None:
        raise NotImplementedError


class PtyWire(_Line):
    """A serial adapter: the symbolic link `path` leads to a pseudo terminal while it is plugged in."""

    def __init__(self, path: Path, baud: int = 9600) -> None:
        super().__init__(baud)
        self._path = path
        self._ends: tuple[int, int] | None = None  # ours and, held open so that a host may come and go, the host's

    @property
    def address(self) -> str:
        return str(self._path)

    async def plug(self) -> None:
        if self._ends is None:
            self._ends = await asyncio.to_thread(self._open)
            asyncio.get_running_loop().add_reader(self._ends[0], self._read)

    async def unplug(self) -> None:
        if self._ends is not None:
            (ours, theirs), self._ends = self._ends, None
            asyncio.get_running_loop().remove_reader(ours)
            await asyncio.to_thread(self._close, ours, theirs)

    def _open(self) -> tuple[int, int]:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._path.symlink_to(os.ttyname(theirs))
        return ours, theirs

    def _close(self, ours: int, theirs: int) -> None:
        self._path.unlink(missing_ok=True)
        os.close(ours)
        os.close(theirs)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            if self._ends and (received := os.read(self._ends[0], _CHUNK)):
                self._tell(received)

    def _put(self, wire: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads: what is said is lost, as on a real line
            if self._ends:
                os.write(self._ends[0], wire)


class TcpWire(_Line):
    """A serial server: whoever connects to its port on loopback hears the line; the port stays the same when plugged again."""

    def __init__(self, baud: int = 9600) -> None:
        super().__init__(baud)
        self.port = 0
        self._server: asyncio.Server | None = None
        self._hosts: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"socket://127.0.0.1:{self.port}"

    async def plug(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        server, self._server = self._server, None
        if server:
            server.close()
            for host in tuple(self._hosts):
                host.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hosts.add(writer)
        with contextlib.suppress(OSError):
            while received := await reader.read(_CHUNK):
                self._tell(received)
        self._hosts.discard(writer)
        writer.close()

    def _put(self, wire: bytes) -> None:
        for host in self._hosts:
            if not host.is_closing():
                host.write(wire)
