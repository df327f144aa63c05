"""Cameras: their settings in `branch.yaml`, and their pictures for as long as they are wanted."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from devices.driver import DriverError, text
from devices.links.video import HANG_S, Decoder, Source, VideoError, shown_url
from devices.reading import Frame, Sample, Text

log = logging.getLogger(__name__)

_SHORTEST_LINE: Final = 0.01
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_SCHEMES: Final = ("rtsp://", "rtsps://", "http://", "https://")

Told = Callable[[Sample], None]


def _in_picture(point: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= side <= 1 for side in point):
        raise ValueError(f"the point {list(point)} is outside the picture; both coordinates run from 0 to 1, from the top left")
    return point


Point = Annotated[tuple[float, float], AfterValidator(_in_picture)]


def _is_line(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if math.dist(*points) < _SHORTEST_LINE:
        raise ValueError("the line has no length; give two points that lie apart")
    return points


def _is_zone(polygon: list[tuple[float, float]]) -> list[tuple[float, float]]:
    corners = list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))
    for i, one in enumerate(corners):
        for other in corners[i + 1 :]:
            if not set(one) & set(other) and _cross(*one, *other):
                raise ValueError(f"the zone crosses itself between {list(one[0])} and {list(one[1])}; give its corners in order around it")
    area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in corners) / 2
    if abs(area) < _SHORTEST_LINE**2:
        raise ValueError("the zone has no area; give at least three corners that are not on one line")
    return polygon


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cross(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    """Whether the sides a-b and c-d of a polygon meet."""
    return _turn(a, b, c) * _turn(a, b, d) <= 0 and _turn(c, d, a) * _turn(c, d, b) <= 0


def _is_source(url: str) -> str:
    if "://" in url and not url.startswith(_SCHEMES):
        raise ValueError(f"{shown_url(url)}: not a camera's address; give rtsp://, http://, a file, a folder or /dev/video0")
    if not url:
        raise ValueError("the address is empty; give rtsp://, http://, a file, a folder or /dev/video0")
    return url


class LineSettings(BaseModel):
    """A line to count at; `in` is towards the left hand of someone who walks from the first point to the second."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: Annotated[list[Point], Field(min_length=2, max_length=2), AfterValidator(_is_line)]
    door: str | None = None  # the door of the branch that the line is


Polygon = Annotated[list[Point], Field(min_length=3, max_length=64), AfterValidator(_is_zone)]


class CameraSettings(BaseModel):
    """What stands in `branch.yaml` under a camera; coordinates are parts of the picture, from the top left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_is_source)]
    name: str | dict[str, str] | None = None
    zone: str | None = None  # which zone of the branch the camera stands in
    view: Literal["oblique", "overhead"] = "oblique"
    rate_fps: float = Field(5.0, gt=0, le=60)
    detector: str = "auto"
    lines: dict[str, LineSettings] = {}
    zones: dict[str, Polygon] = {}


def _state(state: str, reason: Text | None = None) -> Sample:
    return Sample("state", state, reason=reason)


async def frames(
    settings: CameraSettings, camera_id: str, told: Told, *, longest_px: int | None = None, hang_s: float = HANG_S
) -> AsyncGenerator[Frame, None]:
    """The camera's pictures, the newest each time one is asked for, until closed.

    A camera that cannot be opened, hangs or ends is opened again with a growing pause; `told` gets its `state` when it
    goes (`offline`, with what to do) and when it is back (`online`). A file is played at its own speed and begins again.
    """
    source = Source(settings.url, rate_fps=settings.rate_fps, longest_px=longest_px)
    number, pause_s, away = 0, _FIRST_PAUSE_S, True
    while True:
        try:
            async with Decoder(source, hang_s) as decoder:
                while picture := await decoder.next():
                    if away:
                        log.info("camera %s: pictures come from %s", camera_id, shown_url(settings.url))
                        told(_state("online"))
                    away, pause_s = False, _FIRST_PAUSE_S
                    yield Frame(camera_id, number, picture.t, picture.pixels)
                    number += 1
            continue  # a recording begins again
        except VideoError as error:
            reason: Text = error.reason
            if not away or pause_s == _FIRST_PAUSE_S:
                log.warning("camera %s: %s", camera_id, error)
        except OSError as error:
            reason = text(f"the decoder cannot be started: {error.strerror}", f"无法启动解码器：{error.strerror}")
        told(_state("offline", reason))
        away = True
        await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def recording(url: str, *, every: int = 1, longest_px: int | None = None) -> Decoder:
    """Every `every`th picture of a file or folder, none left out; to be entered with `async with`.

    Raises:
        DriverError: not a recording. `next()` raises it too, where there is no video or one that breaks off.
    """
    if "://" in url or url.startswith("/dev/"):
        raise DriverError(f"{shown_url(url)}: not a recording; give a file or a folder of pictures")
    return Decoder(Source(url, live=False, every=every, longest_px=longest_px), hang_s=60.0)
