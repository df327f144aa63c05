"""Rendered video with its truth: a file for tests and benchmarks, and a live stream that OpenCV opens as a URL."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from devices.simulated.clock import Clock
from devices.simulated.scene import FPS, HEIGHT, LINE, WIDTH, Picture, Walk, draw, floor, walk_through

_BOUNDARY: Final = b"frame"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: multipart/x-mixed-replace; boundary=" + _BOUNDARY + b"\r\n\r\n"
_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 80)
_LONGEST_BACKLOG: Final = 1 << 20  # bytes; a client that reads slower misses pictures
_MOST_WALKS: Final = 64
_TOLERANCE_S: Final = 1.0
_LOOKS_EACH_S: Final = 0.1
_EVERY_S: Final = 3.2  # between people of `write_video`, on average


def _walks(seconds: float, seed: int) -> list[Walk]:
    random = np.random.default_rng(seed)
    walks, t = [], 1.0
    while t < seconds - 7:  # the last one is out of the picture before it ends
        direction = "in" if random.random() < 0.55 else "out"
        walks.append(walk_through(t, direction, int(random.integers(1000)), random))
        if random.random() < 0.15:
            walks.append(walk_through(t + float(random.uniform(0.8, 1.4)), direction, int(random.integers(1000)), random, beside=30.0))
        t += float(random.exponential(_EVERY_S)) + 0.8
    return walks


def crossings(walks: list[Walk], seconds: float) -> list[dict[str, Any]]:
    """At which frames heads cross the door's line, and which way; frames counted from 0."""
    found, middle = [], HEIGHT * LINE[0][1]
    for walk in walks:
        before: float | None = None
        for frame in range(int(walk.begins * FPS), min(int(walk.ends * FPS) + 1, int(seconds * FPS))):
            place = walk.at(frame / FPS)
            if place and before is not None and (before < middle) != (place[1] < middle):
                found.append({"frame": frame, "direction": "in" if place[1] < middle else "out"})
            before = place[1] if place else before
    return sorted(found, key=lambda crossing: crossing["frame"])


def write_video(path: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Write an MP4 of people at the door; returns its truth: the form of `smartbranch count --truth`.

    Raises:
        OSError: the file cannot be written.
    """
    walks, random, background = _walks(seconds, seed), np.random.default_rng(seed), floor(seed)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise OSError(f"{path}: cannot be written as a video; check the folder and its space")
    frames = int(seconds * FPS)
    for frame in range(frames):
        writer.write(draw(background, walks, frame / FPS, random))
    writer.release()
    return {
        "video": path.name,
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "frames": frames,
        "lines": {"main": {"points": [list(point) for point in LINE], "crossings": crossings(walks, seconds)}},
        "tolerance_s": _TOLERANCE_S,
    }


class LiveCamera:
    """The door's camera: MJPEG over HTTP on loopback, drawn only while somebody watches.

    People take as long to walk through as they really do, also on a day that runs at `speed`: then more are in the picture at once.
    """

    def __init__(self, clock: Clock, *, speed: float = 1.0, fps: float = FPS, seed: int = 0) -> None:
        self.port = 0
        self.frozen = False  # the stream goes on, but nothing moves
        self._clock, self._speed, self._fps = clock, speed, fps
        self._random = np.random.default_rng(seed)
        self._background = floor(seed)
        self._walks: deque[Walk] = deque(maxlen=_MOST_WALKS)
        self._server: asyncio.Server | None = None
        self._watchers: set[asyncio.StreamWriter] = set()
        self._watched = asyncio.Event()

    @property
    def url(self) -> str:
        """What OpenCV opens."""
        return f"http://127.0.0.1:{self.port}/door.mjpg"

    def cross(self, t: float, direction: str, people: int) -> None:
        """People cross the line at about `t` (the clock's seconds): they are drawn walking through."""
        for companion in range(people):
            look = int(self._random.integers(1000))
            self._walks.append(walk_through(t / self._speed + 1.1 * companion, direction, look, self._random, beside=30.0 * companion))

    def _now(self) -> float:
        """Seconds of the walks."""
        return self._clock.now() / self._speed

    async def settle(self) -> None:
        """Return when whoever is in the picture has walked out of it."""
        ends = max((walk.ends for walk in self._walks), default=0.0)
        while True:
            if self._now() >= ends:
                return
            await asyncio.sleep(_LOOKS_EACH_S)

    async def plug(self) -> None:
        """Listen; the port stays the same when plugged again."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and drop whoever watches."""
        server, self._server = self._server, None
        if server:
            server.close()
            for watcher in tuple(self._watchers):
                watcher.close()
            await server.wait_closed()

    async def run(self) -> None:
        """Draw and send until cancelled."""
        loop = asyncio.get_running_loop()
        due, frozen_at = loop.time(), self._now()
        while True:
            await self._watched.wait()
            if not self.frozen:
                frozen_at = self._now()
            picture = await asyncio.to_thread(self._encode, frozen_at)
            self._send(picture)
            due = max(due + 1 / self._fps, loop.time())
            await asyncio.sleep(due - loop.time())

    def _encode(self, t: float) -> bytes:
        picture: Picture = draw(self._background, tuple(self._walks), t, self._random)
        return bytes(cv2.imencode(".jpg", picture, _QUALITY)[1])

    def _send(self, jpeg: bytes) -> None:
        head = b"--" + _BOUNDARY + b"\r\nContent-Type: image/jpeg\r\nContent-Length: " + str(len(jpeg)).encode() + b"\r\n\r\n"
        for watcher in tuple(self._watchers):
            if not watcher.is_closing() and watcher.transport.get_write_buffer_size() < _LONGEST_BACKLOG:
                watcher.write(head + jpeg + b"\r\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_HEAD)
            self._watchers.add(writer)
            self._watched.set()
            await reader.read()  # until the client goes
        self._watchers.discard(writer)
        if not self._watchers:
            self._watched.clear()
        writer.close()
