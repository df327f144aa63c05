"""The process that decodes a video: started by `links/video.py`, killed by it when it hangs; knows nothing of the branch.

The first line on its socket says what to decode. It writes pictures into slots of the memory it was handed and tells of
each in one JSON line; a byte that comes back is the number of a slot that is free again. It ends when the socket does.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.links.video_messages import Ended, Failed, Message, Opened, Source, Told
from devices.links.video_opening import READ_WITHIN_S, SourceError, is_device, open_capture, rate_of

Pixels = NDArray[np.uint8]

SLOTS: Final = 4
LARGEST_PX: Final = 8192  # a side beyond this is a broken header
_HALVED_BELOW: Final = 0.3
_FOLDER_FPS: Final = 10.0  # of a folder read as a recording
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_PR_SET_PDEATHSIG: Final = 1


def plain(picture: NDArray[Any], longest_px: int | None) -> Pixels:
    """A picture of any depth and number of channels as rows x columns x 3 uint8, no side longer than `longest_px`.

    Raises:
        SourceError: no pixels, or more than any camera has.
    """
    if picture.ndim not in {2, 3} or 0 in picture.shape or max(picture.shape[:2]) > LARGEST_PX:
        raise SourceError("size", "x".join(str(side) for side in picture.shape))
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    elif picture.dtype != np.uint8:
        raise SourceError("depth", str(picture.dtype))
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    if longest_px and max(picture.shape[:2]) > longest_px:
        picture = _shrunk(picture, longest_px)
    if channels != 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(picture, np.uint8)


def _shrunk(picture: NDArray[Any], longest_px: int) -> NDArray[Any]:
    """The picture with that longer side; one more than three times as large is halved first, or fine detail would flicker."""
    if longest_px / max(picture.shape[:2]) < _HALVED_BELOW and min(picture.shape[:2]) > 1:
        rows, columns = (side // 2 for side in picture.shape[:2])
        picture = cv2.resize(picture[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
    scale = longest_px / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


class Slots:
    """The shared memory, cut into slots as large as the largest picture so far."""

    def __init__(self, memory: int, line: socket.socket) -> None:
        self._memory, self._line = memory, line
        self._size = 0
        self._map: mmap.mmap | None = None
        self._free = list(range(SLOTS))

    def put(self, pixels: Pixels, *, wait: bool) -> tuple[int, int] | None:
        """Copy a picture into a free slot: the slot and its offset, or None where none is free and we do not wait."""
        self._take_back(wait=False)
        while not self._free or (pixels.nbytes > self._size and len(self._free) < SLOTS):
            if not wait and not self._free:
                return None
            self._take_back(wait=True)
        if pixels.nbytes > self._size:
            self._grow(pixels.nbytes)
        slot = self._free.pop()
        offset = slot * self._size
        memory = self._map
        if memory is not None:
            memory[offset : offset + pixels.nbytes] = pixels.data.cast("B")
        return slot, offset

    def _grow(self, size: int) -> None:
        self._size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        os.ftruncate(self._memory, self._size * SLOTS)
        self._map = mmap.mmap(self._memory, self._size * SLOTS)

    def _take_back(self, *, wait: bool) -> None:
        with contextlib.suppress(BlockingIOError):
            freed = self._line.recv(SLOTS, 0 if wait else socket.MSG_DONTWAIT)
            if not freed:
                raise SystemExit(0)  # who started us has gone
            self._free.extend(freed)


class Teller:
    """Tells of pictures: each of a recording, of a live source those that fall due."""

    def __init__(self, source: Source, line: socket.socket, slots: Slots) -> None:
        self._source, self._line, self._slots = source, line, slots
        self._due = 0.0
        self._begun: float | None = None

    def say(self, message: Message) -> None:
        """Send one line."""
        self._line.sendall(msgspec.json.encode(message) + b"\n")

    def wanted(self, number: int, now: float) -> bool:
        """Whether the picture that is next should be converted at all; what is not wanted costs only its decoding."""
        if not self._source.live or self._source.rate_fps is None:
            return number % self._source.every == 0
        if now < self._due - 0.002:
            return False
        self._due = max(self._due + 1 / self._source.rate_fps, now - 1 / self._source.rate_fps)
        return True

    def picture(self, picture: NDArray[Any], number: int, t: float) -> None:
        """Put it into a slot and tell; a live one is dropped where the reader is behind."""
        pixels = plain(picture, self._source.longest_px)
        put = self._slots.put(pixels, wait=not self._source.live)
        if put:
            self.say(Told(put[0], put[1], pixels.shape[0], pixels.shape[1], number, t))

    def keep_pace(self, t: float) -> None:
        """Wait until second `t` of a file that is played as if it were live."""
        self._begun = self._begun if self._begun is not None else time.monotonic() - t
        time.sleep(max(0.0, self._begun + t - time.monotonic()))


def decode(source: Source, teller: Teller) -> int:
    """Tell of a stream's or file's pictures until it ends; how many there were."""
    capture = open_capture(source.url)
    fps, is_file = rate_of(capture), "://" not in source.url and not is_device(source.url)
    teller.say(Opened(fps, max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if is_file else 0))
    number, asked = 0, time.monotonic()
    while capture.grab():
        if time.monotonic() - asked >= READ_WITHIN_S:
            break  # after its time is over FFmpeg may hand out one more picture, of then
        if is_file and source.live:
            teller.keep_pace(number / fps)
        if teller.wanted(number, time.monotonic()):
            got, picture = capture.retrieve()
            if got:
                teller.picture(picture, number, time.time() if source.live else number / fps)
        number, asked = number + 1, time.monotonic()
    if time.monotonic() - asked >= READ_WITHIN_S:
        raise SourceError("hung", f"{READ_WITHIN_S:g} s")
    return number


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)


def whole(path: Path) -> NDArray[Any] | None:
    """A picture from its file, or None where it is not (yet) whole."""
    contents = path.read_bytes()
    if path.suffix.lower() in {".jpg", ".jpeg"} and b"\xff\xd9" not in contents[-64:]:
        return None
    return cv2.imdecode(np.frombuffer(contents, np.uint8), cv2.IMREAD_COLOR) if contents else None


def _newest(folder: Path, rate_fps: float) -> Iterator[Path]:
    """Each newest picture of a folder into which a camera writes, for ever."""
    before = None
    while True:
        found = [(path.stat().st_mtime_ns, path) for path in folder.iterdir() if path.suffix.lower() in _PICTURES]
        newest = max(found, default=None)
        if newest and newest != before:
            before = newest
            yield newest[1]
        time.sleep(1 / rate_fps)


def follow(source: Source, teller: Teller) -> int:
    """Tell of a folder's pictures: all of a recording, the newest of one that a camera writes into."""
    folder = Path(source.url)
    paths = _newest(folder, source.rate_fps or _FOLDER_FPS) if source.live else iter(pictures_in(folder))
    teller.say(Opened(source.rate_fps or _FOLDER_FPS, 0))
    number = 0
    for path in paths:
        if source.live or teller.wanted(number, 0.0):
            with contextlib.suppress(FileNotFoundError):  # a camera's folder is cleaned while we look
                picture = whole(path)
                if picture is None and not source.live:
                    raise SourceError("picture", path.name)
                if picture is not None:
                    teller.picture(picture, number, path.stat().st_mtime if source.live else number / _FOLDER_FPS)
        number += 1
    return number


def _run(source: Source, teller: Teller) -> Message:
    path = Path(source.url)
    try:
        if "://" not in source.url and not path.exists():
            return Failed("unplugged" if is_device(source.url) else "absent")
        if path.is_file() and path.stat().st_size == 0:
            return Failed("empty")
        pictures = follow(source, teller) if path.is_dir() else decode(source, teller)
    except SourceError as error:
        return error.failed
    except (OSError, cv2.error) as error:
        return Failed("decode", str(error).splitlines()[0] if str(error) else type(error).__name__)
    return Ended(pictures) if pictures else Failed("nothing")


def _asked(line: socket.socket) -> Source:
    """The source, as JSON on the first line; nothing else comes before a picture is told."""
    said = b""
    while not said.endswith(b"\n"):
        more = line.recv(1 << 16)
        if not more:
            raise SystemExit(0)  # who started us has gone
        said += more
    return msgspec.json.decode(said, type=Source)


def main() -> None:
    """Decode what the first line on the socket asks for; the arguments are the socket's and the memory's file numbers."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # even while native code hangs
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us says when we stop
    cv2.setNumThreads(1)
    line = socket.socket(fileno=int(sys.argv[1]))
    source = _asked(line)
    teller = Teller(source, line, Slots(int(sys.argv[2]), line))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        teller.say(_run(source, teller))
        line.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
