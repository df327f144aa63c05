"""A recording counted by the same view as a live camera."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Any

import msgspec

from devices.camera import CameraSettings, recording
from devices.links.video import Picture, VideoError
from edge.vision.counting import Crossing, Visit
from edge.vision.view import Look, Seen, View

Shown = Callable[[Picture, Seen, "Count"], None]
"""Is shown each picture that was looked at, what it told, and the count so far."""


class Count(msgspec.Struct):
    """What a recording told; times are seconds of the recording."""

    lines: tuple[str, ...]
    zones: tuple[str, ...]
    detector: str
    frames: int = 0  # in the recording
    fps: float = 0.0  # of the recording
    looked_at: int = 0  # pictures that were decoded to the end and judged
    network_runs: int = 0
    crossings: list[Crossing] = msgspec.field(default_factory=list)
    visits: list[Visit] = msgspec.field(default_factory=list)
    blind_s: float = 0.0  # how long the camera could not see
    cpu_s: float = 0.0  # of this process and the decoder
    wall_s: float = 0.0
    incomplete: str | None = None  # why the recording breaks off

    def passed(self, line: str, direction: str) -> int:
        """How many crossed a line in a direction."""
        return sum(crossing.line == line and crossing.direction == direction for crossing in self.crossings)

    def dwells_s(self, zone: str) -> list[float]:
        """How long each visitor of a zone stayed, in the order in which they came."""
        return [visit.dwell_s for visit in sorted(self.visits, key=lambda visit: visit.entered) if visit.zone == zone]

    def told(self) -> dict[str, Any]:
        """The count as `smartbranch count --json` prints it (the contract of the command line)."""
        dwells = {zone: [round(dwell, 2) for dwell in self.dwells_s(zone)] for zone in self.zones}
        told: dict[str, Any] = {
            "frames": self.frames,
            "fps": round(self.fps, 3),
            "looked_at": self.looked_at,
            "network_runs": self.network_runs,
            "detector": self.detector,
            "lines": {line: self._line(line) for line in self.lines},
            "zones": {zone: {"dwell_s": found, **_mean_and_max(found)} for zone, found in dwells.items()},
            "blind_s": round(self.blind_s, 1),
            "cpu_ms_per_frame": round(self.cpu_s * 1000 / max(1, self.frames), 3),
            "wall_s": round(self.wall_s, 2),
        }
        return told | ({"incomplete": self.incomplete} if self.incomplete else {})

    def _line(self, line: str) -> dict[str, Any]:
        crossings = sorted((crossing for crossing in self.crossings if crossing.line == line), key=lambda crossing: crossing.frame)
        told = [{"frame": crossing.frame, "t_s": round(crossing.t, 3), "direction": crossing.direction} for crossing in crossings]
        return {"in": self.passed(line, "in"), "out": self.passed(line, "out"), "crossings": told}


def _mean_and_max(dwells: list[float]) -> dict[str, float | None]:
    return {"mean": round(sum(dwells) / len(dwells), 2) if dwells else None, "max": max(dwells, default=None)}


async def count(
    settings: CameraSettings, look: Look, detector: str, *, every: int = 1, longest_px: int | None = None, shown: Shown | None = None
) -> Count:
    """Count what `settings.url` shows, every `every`th picture of it.

    Raises:
        DriverError: no video there. One that breaks off is counted as far as it goes, and says so in `incomplete`.
    """
    counted = Count(tuple(settings.lines), tuple(settings.zones), detector)
    view, cpu_s, begun = View(settings, look), cpu_seconds(), time.monotonic()
    try:
        async with recording(settings.url, every=every, longest_px=longest_px) as decoder:
            while picture := await decoder.next():
                counted.fps = decoder.opened.fps if decoder.opened else 0.0
                seen = await asyncio.to_thread(view.step, picture.pixels, picture.number, picture.t)
                _add(counted, seen, picture, every)
                if shown:
                    await asyncio.to_thread(shown, picture, seen, counted)
            counted.frames = decoder.pictures
    except VideoError as error:
        if error.why not in {"cut", "crashed", "decode", "picture"} or not counted.looked_at:
            raise
        counted.incomplete = str(error)
    crossings, visits = view.close()
    counted.crossings += crossings
    counted.visits += visits
    counted.cpu_s, counted.wall_s = cpu_seconds() - cpu_s, time.monotonic() - begun
    return counted


def _add(counted: Count, seen: Seen, picture: Picture, every: int) -> None:
    counted.frames = picture.number + 1
    counted.looked_at += 1
    counted.network_runs += seen.looked
    counted.crossings += seen.crossings
    counted.visits += seen.visits
    counted.blind_s += every / counted.fps if seen.blindness and counted.fps else 0.0


def cpu_seconds() -> float:
    """CPU time of this process and of those children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
