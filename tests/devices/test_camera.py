"""Cameras: settings that say what is wrong, and pictures that come again whatever happens to the decoder."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from pydantic import ValidationError

from devices.camera import CameraSettings, frames, recording
from devices.driver import DriverError
from devices.links.video import Decoder, Source, VideoError, shown_url
from devices.links.video_decoder import LARGEST_PX, SourceError, plain
from devices.links.video_messages import Ended
from devices.reading import Frame, Sample


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures at 30/s whose blue level is their number."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (128, 96))
    for level in range(60):
        writer.write(np.full((96, 128, 3), level * 4, np.uint8))
    writer.release()
    return path


def level(pixels: Any) -> int:
    return round(float(pixels.mean()) / 4)


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "devices.links.video_decoder" in child.cmdline()]


async def drained(decoder: Decoder) -> None:
    while await decoder.next():
        pass


async def test_a_recording_gives_every_picture_in_order(film: Path) -> None:
    async with recording(str(film)) as decoder:
        seen = []
        while picture := await decoder.next():
            seen.append((picture.number, level(picture.pixels), picture.t))
            await asyncio.sleep(0.002)  # a slow reader: nothing is dropped
    assert [number for number, _, _ in seen] == list(range(60))
    assert all(abs(number - shade) <= 1 and t == pytest.approx(number / 30) for number, shade, t in seen)
    assert decoder.pictures == 60
    assert children() == []


async def test_every_fifth_and_no_larger_than_asked(film: Path) -> None:
    async with recording(str(film), every=5, longest_px=64) as decoder:
        seen = []
        while picture := await decoder.next():
            seen.append((picture.number, picture.pixels.shape))
    assert seen == [(number, (48, 64, 3)) for number in range(0, 60, 5)]


async def test_a_live_source_gives_the_newest(film: Path) -> None:
    async with Decoder(Source(str(film))) as decoder:
        first = await decoder.next()
        while not any(isinstance(message, Ended) for message in decoder._waiting):  # it plays to its end while nobody asks
            decoder._arrived.clear()
            await decoder._arrived.wait()
        last = await decoder.next()
        assert await decoder.next() is None
    assert first is not None
    assert last is not None
    assert (first.number, last.number) == (0, 59)
    assert last.t - first.t >= 1.5  # played at its own speed, in unix time


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_crash_of_the_decoder_is_an_error(film: Path, number: signal.Signals) -> None:
    async with recording(str(film)) as decoder:
        assert await decoder.next()
        assert decoder.pid
        os.kill(decoder.pid, number)
        with pytest.raises(VideoError, match="crashed"):
            await drained(decoder)


async def test_a_decoder_that_hangs_is_an_error_and_is_killed(film: Path) -> None:
    async with Decoder(Source(str(film)), hang_s=3.0) as decoder:
        assert await decoder.next()
        assert decoder.pid
        os.kill(decoder.pid, signal.SIGSTOP)
        with pytest.raises(VideoError, match="no picture") as caught:
            await drained(decoder)
        pid = decoder.pid
    assert caught.value.reason.keys() == {"zh-CN", "en"}
    assert not psutil.pid_exists(pid)


async def test_nothing_is_left_when_it_is_cancelled_while_starting(film: Path) -> None:
    async def start() -> None:
        async with recording(str(film)) as decoder:
            await drained(decoder)

    before = psutil.Process().num_fds()
    for turns in range(12):
        task = asyncio.create_task(start())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert children() == []
    assert psutil.Process().num_fds() <= before


@asynccontextmanager
async def watched(settings: CameraSettings, **more: Any) -> AsyncIterator[tuple[AsyncIterator[Frame], list[Sample]]]:
    told: list[Sample] = []
    async with aclosing(frames(settings, "lobby", told.append, **more)) as pictures:
        yield pictures, told


def camera(url: Path | str, **more: Any) -> CameraSettings:
    return CameraSettings(url=str(url), rate_fps=30, **more)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_camera_comes_back_after_its_decoder_died_or_hung(
    film: Path, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(camera(film), hang_s=3.0) as (pictures, told):
        first = await anext(pictures)
        os.kill(children()[0].pid, number)
        after = [await anext(pictures) for _ in range(70)]
    assert [sample.value for sample in told] == ["online", "offline", "online"]
    assert told[1].reason
    assert [frame.number for frame in (first, *after)] == list(range(71))
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_a_camera_that_is_not_there_says_so_once_and_waits(tmp_path: Path, film: Path, caplog: pytest.LogCaptureFixture) -> None:
    place, told, away = tmp_path / "camera.avi", list[Sample](), asyncio.Event()

    def tell(sample: Sample) -> None:
        told.append(sample)
        away.set()

    async with aclosing(frames(camera(place), "lobby", tell)) as pictures:
        asking = asyncio.create_task(anext(pictures))
        await away.wait()
        await asyncio.to_thread(shutil.copy, film, place)
        await asking
    assert [sample.value for sample in told] == ["offline", "online"]
    assert told[0].reason
    assert "no such file" in told[0].reason["en"]
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_the_newest_picture_of_a_folder_that_a_camera_writes_into(tmp_path: Path) -> None:
    def write(number: int, shade: int) -> None:
        whole = cv2.imencode(".jpg", np.full((48, 64, 3), shade, np.uint8))[1].tobytes()
        (tmp_path / f"{number}.part").write_bytes(whole)
        (tmp_path / f"{number}.part").rename(tmp_path / f"{number}.jpg")

    write(1, 50)
    async with watched(camera(tmp_path)) as (pictures, _):
        assert round((await anext(pictures)).pixels.mean()) == 50
        (tmp_path / "2.jpg").write_bytes(b"\xff\xd8 half of a picture")
        write(3, 90)
        assert round((await anext(pictures)).pixels.mean()) == 90


@pytest.mark.parametrize(
    ("picture", "shape"),
    [
        (np.zeros((20, 30, 3), np.uint8), (20, 30, 3)),
        (np.zeros((20, 30), np.uint8), (20, 30, 3)),
        (np.zeros((20, 30, 1), np.uint8), (20, 30, 3)),
        (np.zeros((20, 30, 4), np.uint8), (20, 30, 3)),
        (np.full((20, 30), 65_535, np.uint16), (20, 30, 3)),
        (np.zeros((4320, 7680), np.uint8), (90, 160, 3)),
        (np.zeros((1, 5000, 3), np.uint8), (1, 160, 3)),
    ],
)
def test_any_picture_becomes_three_colours_of_eight_bits(picture: Any, shape: tuple[int, ...]) -> None:
    found = plain(picture, 160)
    assert (found.shape, found.dtype) == (shape, np.uint8)
    assert picture.dtype != np.uint16 or found.min() == 255


@pytest.mark.parametrize(
    ("picture", "why"),
    [(np.zeros((0, 0, 3), np.uint8), "size"), (np.zeros((2, LARGEST_PX + 1), np.uint8), "size"), (np.zeros((9, 9), np.float64), "depth")],
)
def test_an_impossible_picture_is_refused(picture: Any, why: str) -> None:
    with pytest.raises(SourceError) as caught:
        plain(picture, None)
    assert caught.value.failed.why == why


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lines": {"door": {"points": [[0.5, 0.5], [0.5, 0.5]]}}}, "no length"),
        ({"lines": {"door": {"points": [[0.5, 0.5], [0.5, 1.1]]}}}, "outside the picture"),
        ({"lines": {"door": {"points": [[0.5, 0.5]]}}}, "at least 2"),
        ({"zones": {"hall": [[0, 0], [1, 1], [1, 0], [0, 1]]}}, "crosses itself"),
        ({"zones": {"hall": [[0, 0], [0.5, 0], [1, 0]]}}, "no area"),
        ({"zones": {"hall": [[0, 0], [1, 1]]}}, "at least 3"),
        ({"rate_fps": 0}, "greater than 0"),
        ({"view": "sideways"}, "oblique"),
        ({"url": ""}, "empty"),
        ({"url": "ftp://user:secret@host/x"}, "ftp://host/x: not a camera"),
        ({"rat_fps": 5}, "rat_fps"),
    ],
)
def test_a_wrong_setting_says_what_to_do(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CameraSettings.model_validate({"url": "rtsp://192.0.2.1/stream"} | wrong)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:p@ss@192.0.2.1:554/stream?x=1", "rtsp://192.0.2.1:554/stream?x=1"),
        ("rtsp://admin:pa/ss?word@192.0.2.1/stream", "rtsp://192.0.2.1/stream"),
        ("rtsp://192.0.2.1/user=admin_password=secret_channel=1", "rtsp://192.0.2.1/user=…"),
        ("http://192.0.2.1/video?channel=1&pwd=secret&x=2", "http://192.0.2.1/video?channel=1&pwd=…&x=2"),
        ("/srv/a@b.mp4", "/srv/a@b.mp4"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert "secret" not in str(VideoError(url, "open"))


@pytest.mark.parametrize(("status", "why"), [(401, "password"), (403, "password"), (404, "path"), (503, "busy")])
async def test_what_a_camera_answers_over_http_is_told(status: int, why: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 %d No\r\nWWW-Authenticate: Basic realm="door"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' % status)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Decoder(Source(f"http://127.0.0.1:{port}/video.mjpg")) as decoder:
            with pytest.raises(VideoError) as caught:
                await decoder.next()
    assert caught.value.why == why


async def test_a_device_that_is_not_plugged_in_is_told() -> None:
    async with Decoder(Source("/dev/video9")) as decoder:
        with pytest.raises(VideoError, match="/dev/video9: there is no such device; plug the camera in"):
            await decoder.next()


async def test_a_device_that_is_no_camera_is_told() -> None:
    async with Decoder(Source("/dev/null")) as decoder:
        with pytest.raises(VideoError, match="gives no video"):
            await decoder.next()


def test_a_stream_is_no_recording() -> None:
    with pytest.raises(DriverError, match="not a recording"):
        recording("rtsp://192.0.2.1/stream")
