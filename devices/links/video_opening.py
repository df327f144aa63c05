"""Opening a stream, a file or a V4L2 device with OpenCV, and why it cannot be opened."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from typing import Final

# Before OpenCV loads: RTSP over TCP, and of FFmpeg warnings, which we read.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "24")

import cv2

from devices.links.video_messages import Failed

READ_WITHIN_S: Final = 8.0
_OUTPUTS: Final = (1, 2)  # standard output and error: which of them depends on how OpenCV was built
_STATUS: Final = re.compile(r"(?:failed:|error) ([45]\d\d)\b")  # of RTSP: "method DESCRIBE failed: 401", of HTTP: "HTTP error 401"
_OF_STATUS: Final = {"401": "password", "403": "password", "404": "path"}
_SAYINGS: Final = (
    ("Connection refused", "refused"),
    ("Failed to resolve hostname", "host"),
    ("No route to host", "silent"),
    ("Network is unreachable", "silent"),
    ("timed out", "silent"),
)


class SourceError(Exception):
    """The source cannot be decoded: `why` and a detail for the log."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(why, detail)
        self.failed = Failed(why, detail)


def is_device(url: str) -> bool:
    """Whether it is a V4L2 device."""
    return url.startswith("/dev/")


def rate_of(capture: cv2.VideoCapture) -> float:
    """Pictures a second; 25 where the source does not say."""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if 0.01 < fps <= 1000 else 25.0


def open_capture(url: str) -> cv2.VideoCapture:
    """OpenCV's reader of a stream, file or V4L2 device, on one thread.

    Raises:
        SourceError: there is no video, and why, as far as that can be known.
    """
    if is_device(url):
        return _with_pictures(_device(url))
    asked = time.monotonic()
    with _heard() as said:
        limit_ms = round(READ_WITHIN_S * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_N_THREADS, 1]
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise _refusal(bytes(said).decode(errors="replace"), time.monotonic() - asked)
    return _with_pictures(capture)


def _device(path: str) -> cv2.VideoCapture:
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError("forbidden")
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceError("device")
    return capture


def _with_pictures(capture: cv2.VideoCapture) -> cv2.VideoCapture:
    if not (capture.get(cv2.CAP_PROP_FRAME_WIDTH) > 0 and capture.get(cv2.CAP_PROP_FRAME_HEIGHT) > 0):
        raise SourceError("size", "0x0")
    return capture


@contextlib.contextmanager
def _heard() -> Iterator[bytearray]:
    """What FFmpeg says meanwhile: OpenCV hands on no reason in any other way than by printing it."""
    said, memory = bytearray(), os.memfd_create("said", os.MFD_CLOEXEC)
    before = {out: os.dup(out) for out in _OUTPUTS}
    try:
        for out in _OUTPUTS:
            os.dup2(memory, out)
        yield said
    finally:
        for out, number in before.items():
            os.dup2(number, out)
            os.close(number)
        said += os.pread(memory, 1 << 16, 0)
        os.close(memory)


def _refusal(said: str, after_s: float) -> SourceError:
    """Why a stream did not open. FFmpeg's own words are not passed on: they name the address."""
    if status := _STATUS.search(said):
        return SourceError(_OF_STATUS.get(status[1], "busy"), status[1])
    for words, why in _SAYINGS:
        if words in said:
            return SourceError(why)
    return SourceError("silent" if after_s >= READ_WITHIN_S else "open")
