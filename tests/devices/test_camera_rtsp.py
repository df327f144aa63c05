"""Cameras over RTSP against GStreamer's server: H.264 and H.265, passwords, and servers that stop, stall and come again."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from devices.camera import CameraSettings, frames
from devices.links.video import Decoder, Source, VideoError
from devices.reading import Frame, Sample

SERVER = Path(__file__).with_name("rtsp_server.py")
PYTHON = Path("/usr/bin/python3")  # the one that has Debian's python3-gi
ABSENT = 3
PASSWORD, ESCAPED = "s3cr@t/4#x", "s3cr%40t%2F4%23x"
BLUE, RED = (0xC0, 0x40, 0x20), (0x20, 0x40, 0xC0)  # BGR


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.camera._FIRST_PAUSE_S", 0.1)


class Server:
    """GStreamer's RTSP server in a process that can be stopped, stalled and started on the same port."""

    def __init__(self, *user: str) -> None:
        self.port = 0
        self._user = user
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when it serves; skips the test where GStreamer is missing."""
        words = [str(PYTHON), str(SERVER), str(self.port), *self._user]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout
        said = self._process.stdout.readline()
        if not said:
            _, why = self._process.communicate()
            if self._process.returncode == ABSENT:
                pytest.skip(f"no RTSP server of GStreamer (sh requirements/debian.sh installs it): {why.strip()}")
            raise RuntimeError(why)
        self.port = int(said)

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def url(self, path: str, user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}{path}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(*user_and_password)` starts a server."""
    if not PYTHON.exists():
        pytest.skip("no /usr/bin/python3 for GStreamer's RTSP server")
    servers: list[Server] = []

    def start(*user: str) -> Server:
        servers.append(Server(*user))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Camera:
    """A camera that is watched: its pictures, and what it told."""

    def __init__(self) -> None:
        self.told: list[Sample] = []
        self.seen: list[Frame] = []
        self._more = asyncio.Event()

    def tell(self, sample: Sample) -> None:
        self.told.append(sample)
        self._more.set()

    async def look(self, pictures: AsyncGenerator[Frame, None]) -> None:
        async with aclosing(pictures):
            async for picture in pictures:
                self.seen.append(picture)
                self._more.set()

    @property
    def states(self) -> list[object]:
        return [sample.value for sample in self.told]

    @property
    def reasons(self) -> list[str]:
        return [sample.reason["en"] for sample in self.told if sample.reason]

    async def until(self, holds: Callable[[Camera], object]) -> None:
        while not holds(self):
            self._more.clear()
            await self._more.wait()


@asynccontextmanager
async def watched(url: str, hang_s: float = 10.0) -> AsyncIterator[Camera]:
    camera = Camera()
    async with asyncio.TaskGroup() as tasks:
        pictures = frames(CameraSettings(url=url, rate_fps=5), "door", camera.tell, hang_s=hang_s)
        looking = tasks.create_task(camera.look(pictures))
        yield camera
        looking.cancel()


def decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "devices.links.video_decoder" in child.cmdline()]


@pytest.mark.parametrize(("path", "shape", "colour"), [("/main", (540, 960, 3), BLUE), ("/sub", (180, 320, 3), RED)])
async def test_main_and_sub_stream_are_two_addresses(
    serve: Callable[..., Server], path: str, shape: tuple[int, ...], colour: tuple[int, ...]
) -> None:
    async with watched(serve().url(path)) as camera:
        await camera.until(lambda c: len(c.seen) > 2)
    assert camera.states == ["online"]
    assert {picture.pixels.shape for picture in camera.seen} == {shape}
    assert camera.seen[-1].pixels.mean(axis=(0, 1)) == pytest.approx(colour, abs=8)


async def test_of_a_stream_only_as_many_pictures_as_wanted(serve: Callable[..., Server]) -> None:
    async with Decoder(Source(serve().url("/sub"), rate_fps=5)) as decoder:
        numbers = [picture.number for _ in range(11) if (picture := await decoder.next())]
    assert decoder.opened
    assert decoder.opened.fps == 25
    assert 3 <= (numbers[-1] - numbers[0]) / 10 <= 15  # of 25 a second every fifth, but for bursts and a machine that is busy


async def test_a_server_that_stops_is_told_and_heals(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    server = serve()
    async with watched(server.url("/sub")) as camera:
        await camera.until(lambda c: c.states == ["online"])
        server.stop()
        await camera.until(lambda c: len(c.told) > 2)
        server.start()
        await camera.until(lambda c: c.states[-1] == "online")
    assert set(camera.states[1:-1]) == {"offline"}
    assert "stream ended" in camera.reasons[0]
    assert "nobody listens" in camera.reasons[1]
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_a_server_that_stalls_is_told_and_its_decoder_is_replaced(serve: Callable[..., Server]) -> None:
    server = serve()
    async with watched(server.url("/sub"), hang_s=3.0) as camera:
        await camera.until(lambda c: c.states == ["online"])
        (first,) = decoders()
        server.signal(signal.SIGSTOP)
        await camera.until(lambda c: c.states[-1] == "offline")
        assert not first.is_running()
        server.signal(signal.SIGCONT)
        await camera.until(lambda c: c.states[-1] == "online")
    assert "gave no picture" in camera.reasons[0]
    assert decoders() == []


async def test_a_password_opens_and_is_nowhere_to_be_seen(serve: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve("admin", PASSWORD)
    async with watched(server.url("/sub", f"admin:{ESCAPED}@")) as camera:
        await camera.until(lambda c: c.seen)
        words = [word for child in decoders() for word in child.cmdline()]
        server.stop()
        await camera.until(lambda c: c.states[-1] == "offline")
    assert words
    assert "s3cr" not in " ".join([*words, caplog.text, *map(repr, camera.told)])


@pytest.mark.parametrize(
    ("path", "user", "why"),
    [
        ("/none", f"admin:{ESCAPED}@", "no such stream"),
        ("/sub", "admin:wr0ng@", "refuses the user or the password"),
        ("/sub", "", "refuses the user or the password"),
        ("/sub", f"admin:{PASSWORD}@", "no such host"),
    ],
)
async def test_what_is_wrong_with_an_address_is_told(
    serve: Callable[..., Server], path: str, user: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(serve("admin", PASSWORD).url(path, user)) as camera:
        await camera.until(lambda c: c.told)
    assert camera.states == ["offline"]
    assert why in camera.reasons[0]
    assert "s3cr" not in caplog.text + repr(camera.told)
    assert "wr0ng" not in caplog.text + repr(camera.told)


async def test_where_nobody_listens_is_told(free_port: Callable[[], int]) -> None:
    async with Decoder(Source(f"rtsp://127.0.0.1:{free_port()}/sub")) as decoder:
        with pytest.raises(VideoError, match="nobody listens"):
            await decoder.next()
