"""Video from a camera, file or folder: decoded in a process that can be killed, pictures by shared memory."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import socket
import sys
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.links.video_error import VideoError, shown_url
from devices.links.video_messages import Ended, Failed, Message, Opened, Source, Told

__all__ = ["Decoder", "Picture", "Source", "VideoError", "shown_url"]

HANG_S: Final = 10.0  # a decoder that gives no picture for so long is taken for hung
_DECODED_ENOUGH: Final = 0.95  # headers estimate; fewer pictures than this part of the promised is a cut file


class Picture(msgspec.Struct, frozen=True):
    """A decoded picture: rows x columns x 3 uint8, BGR; `number` counted from 0 in the source, `t` as in `Frame`."""

    number: int
    t: float
    pixels: NDArray[np.uint8]


class Decoder:
    """One run of the decoding process over a source.

    async with Decoder(Source("door.mp4", live=False)) as decoder:
        while picture := await decoder.next():
            ...
    """

    def __init__(self, source: Source, hang_s: float = HANG_S) -> None:
        self._source, self._hang_s = source, hang_s
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: deque[Message] = deque()  # bounded by the slots
        self._arrived = asyncio.Event()
        self._map: mmap.mmap | None = None
        self.opened: Opened | None = None
        self.pictures = 0  # how many there were, once `next` has said that it is over

    @property
    def pid(self) -> int | None:
        """The decoding process."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        self._memory = os.memfd_create("pictures", os.MFD_CLOEXEC)  # has no name: nothing is left of it when all let go
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "devices.links.video_decoder"),
                *(str(theirs.fileno()), str(self._memory)),
                pass_fds=(theirs.fileno(), self._memory),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            await self._kill()
            ours.close()
            os.close(self._memory)
            raise
        finally:
            theirs.close()
        self._writer.write(msgspec.json.encode(self._source) + b"\n")  # as an argument its password would stand in the list of processes
        self._hearing = asyncio.create_task(self._hear(reader))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hearing.cancel()
        self._writer.close()
        try:
            await self._kill()
        finally:
            if self._map:
                self._map.close()
            os.close(self._memory)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _kill(self) -> None:
        """End the decoding process: it holds nothing that must be put down."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.shield(self._process.wait())

    async def next(self) -> Picture | None:
        """The next picture (of a live source the newest), or None where a recording ends.

        Raises:
            VideoError: it cannot be opened or decoded, breaks off, crashes, or gives no picture for `hang_s`.
        """
        while True:
            message = await self._message()
            if isinstance(message, Told):
                return self._picture(message)
            if isinstance(message, Opened):
                self.opened = message
            elif isinstance(message, Failed):
                raise VideoError(self._source.url, message.why, message.detail)
            else:
                self._ended(message)
                return None

    def _ended(self, message: Ended) -> None:
        if self._source.live and "://" in self._source.url:
            raise VideoError(self._source.url, "ended")
        self.pictures = message.pictures
        promised = self.opened.pictures if self.opened else 0
        if message.pictures < _DECODED_ENOUGH * promised - 2:
            raise VideoError(self._source.url, "cut", f"{message.pictures} of {promised}")

    async def _message(self) -> Message:
        try:
            async with asyncio.timeout(self._hang_s):
                while not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError as error:
            raise VideoError(self._source.url, "hung", f"{self._hang_s:g} s") from error
        return self._waiting.popleft()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        last: Message | None = None
        decoder = msgspec.json.Decoder(Message)
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                last = decoder.decode(line)
                self._take(last)
        if not isinstance(last, Failed | Ended):
            self._take(Failed("crashed"))

    def _take(self, message: Message) -> None:
        if self._source.live and isinstance(message, Told):
            for older in [waiting for waiting in self._waiting if isinstance(waiting, Told)]:
                self._waiting.remove(older)  # the newest wins
                self._free(older.slot)
        self._waiting.append(message)
        self._arrived.set()

    def _picture(self, told: Told) -> Picture:
        end = told.offset + told.rows * told.columns * 3
        if self._map is None or len(self._map) < end:
            if self._map:
                self._map.close()
            self._map = mmap.mmap(self._memory, 0, prot=mmap.PROT_READ)
        pixels = np.frombuffer(self._map[told.offset : end], np.uint8).reshape(told.rows, told.columns, 3)  # a copy: the slot is used again
        self._free(told.slot)
        return Picture(told.number, told.t, pixels)

    def _free(self, slot: int) -> None:
        if not self._writer.is_closing():
            self._writer.write(bytes((slot,)))
