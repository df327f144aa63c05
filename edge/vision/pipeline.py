"""A live camera watched: its pictures go through a view, and what is seen (or that nothing can be) becomes samples."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Final

import msgspec

from devices.camera import CameraSettings, frames
from devices.driver import text
from devices.reading import Quality, Sample, Text
from edge.vision.counting import Direction
from edge.vision.detectors import DetectorPool
from edge.vision.sight import Blindness
from edge.vision.view import Seen, View
from models.manifest import ModelError

__all__ = ["DetectorPool", "Totals", "watch", "ways"]

log = logging.getLogger(__name__)

_DETECTOR_AGAIN_S: Final = 30.0
_TOLD_AGAIN_S: Final = 10.0  # what does not change is told this often, so that it is known to be so still
_LOAD_OVER_S: Final = 30.0
_TOO_SLOW_FPS: Final = 2.5  # below it people are lost between pictures

Told = Callable[[Sample], None]
Way = tuple[str, Direction]
"""A line and a direction over it."""

Totals = Mapping[Way, int]
_NONE_YET: Final[Totals] = MappingProxyType({})

_BLIND: Final[Mapping[Blindness, Text]] = {
    "dark": text(
        "too dark to see anyone; switch the light on or take a camera with infra-red", "画面太暗，看不到人；请开灯或使用红外摄像机"
    ),
    "covered": text("the camera is covered or looks at a wall; uncover or turn it", "摄像机被遮挡或对着墙面；请移开遮挡物或调整方向"),
    "frozen": text("the picture is frozen; restart the camera", "画面已冻结；请重启摄像机"),
}
_SLOW: Final = text(
    "the box is too slow for its cameras, people may be missed; lower `rate_fps` of other cameras or take a faster box",
    "边缘主机处理不过来，可能漏计；请降低其他摄像机的 rate_fps 或更换更快的主机",
)


async def watch(camera_id: str, settings: CameraSettings, pool: DetectorPool, told: Told, totals: Totals = _NONE_YET) -> None:
    """Watch a camera until cancelled; `totals` of a line and direction go on from those given, the others from 0.

    `told` gets `people` (part: zone), `in_total` and `out_total` (part: line) and the camera's `state`. While the camera
    cannot see, or no detector is installed, the first three are missing with the reason: never an empty hall.
    """
    teller = Teller(settings, told, totals)
    while True:
        try:
            detector = await pool.open(settings.detector, settings.view)
        except ModelError as error:
            teller.cannot("faulty", text(str(error), f"没有可用的人体检测模型：{error}"))
            await asyncio.sleep(_DETECTOR_AGAIN_S)
            continue
        log.info("camera %s: counts with %s", camera_id, detector.name)
        view = View(settings, detector.detect)
        async with aclosing(frames(settings, camera_id, teller.heard, longest_px=detector.longest_px)) as pictures:
            async for frame in pictures:
                teller.saw(await pool.run(view.step, frame.pixels, frame.number, frame.t), frame.t)


def ways(settings: CameraSettings) -> list[Way]:
    """The camera's lines, each in both directions."""
    directions: tuple[Direction, ...] = ("in", "out")
    return [(line, direction) for line in settings.lines for direction in directions]


class Teller:
    """Makes samples of what is seen; what is the same as before is told again only now and then."""

    def __init__(self, settings: CameraSettings, told: Told, totals: Totals = _NONE_YET) -> None:
        self._settings, self._told = settings, told
        self._totals = {way: totals.get(way, 0) for way in ways(settings)}
        self._last: dict[tuple[str, str], tuple[Sample, float]] = {}
        self._window: tuple[float, int] | None = None  # since when, how many pictures
        self._slow = False

    def heard(self, state: Sample) -> None:
        """The camera's own state: `offline` with its reason, or `online`, which is only told once it also sees."""
        if state.value == "offline" and state.reason:
            self._window = None
            self.cannot("offline", state.reason)

    def cannot(self, state: str, reason: Text) -> None:
        """Nothing can be seen: say so of everything that is counted here."""
        for zone in self._settings.zones:
            self._tell(Sample("people", None, zone, Quality.MISSING, reason))
        for line, direction in self._totals:
            self._tell(Sample(f"{direction}_total", None, line, Quality.MISSING, reason))
        self._tell(Sample("state", state, reason=reason))

    def saw(self, seen: Seen, t: float) -> None:
        """What a picture of second `t` told."""
        for crossing in seen.crossings:
            self._totals[crossing.line, crossing.direction] += 1
        if seen.blindness:
            self.cannot("faulty", _BLIND[seen.blindness])
            return
        self._measure_load(t)
        quality, reason = (Quality.INFERRED, _SLOW) if self._slow else (Quality.MEASURED, None)
        for zone, people in seen.people.items():
            self._tell(Sample("people", people, zone, quality, reason), t)
        for (line, direction), total in self._totals.items():
            self._tell(Sample(f"{direction}_total", total, line, quality, reason), t)
        self._tell(Sample("state", "faulty" if self._slow else "online", reason=reason))

    def _measure_load(self, t: float) -> None:
        begun, pictures = self._window or (t, 0)
        self._window = begun, pictures + 1
        if not 0 <= t - begun < _LOAD_OVER_S:
            self._slow = 0 < pictures / max(t - begun, _LOAD_OVER_S) < min(_TOO_SLOW_FPS, self._settings.rate_fps / 2)
            self._window = t, 0

    def _tell(self, sample: Sample, t: float | None = None) -> None:
        now, key = asyncio.get_running_loop().time(), (sample.quantity, sample.part)
        before = self._last.get(key)
        if before is None or before[0] != sample or now - before[1] >= _TOLD_AGAIN_S:
            self._last[key] = sample, now
            self._told(msgspec.structs.replace(sample, t=t))
