"""The cameras of a branch, each watched in isolation, all through one detector pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping

from devices.camera import CameraSettings
from devices.reading import Sample
from edge.branch.doors import key_of
from edge.branch.state import BranchState
from edge.engine import Engine
from edge.isolation import isolated
from edge.vision.pipeline import DetectorPool, Totals, watch, ways


async def watch_all(cameras: Mapping[str, CameraSettings], engine: Engine) -> None:
    """Watch until cancelled; a camera that fails takes no other with it."""
    async with DetectorPool() as pool, asyncio.TaskGroup() as tasks:
        for camera, settings in cameras.items():
            tasks.create_task(_watched(camera, settings, pool, engine), name=camera)


async def _watched(camera: str, settings: CameraSettings, pool: DetectorPool, engine: Engine) -> None:
    def told(sample: Sample) -> None:
        engine.measured(camera, sample)

    def run() -> Awaitable[None]:
        return watch(camera, settings, pool, told, known_totals(engine.core.state, camera, settings))

    await isolated(camera, run, told)


def known_totals(state: BranchState, camera: str, settings: CameraSettings) -> Totals:
    """What the branch last heard of the camera's lines: it counts on from there, or a restart would be a counter that began again."""
    heard = {**state.occupancy.others, **state.occupancy.totals}
    keys = {(line, direction): key_of(Sample(f"{direction}_total", None, line, device=camera)) for line, direction in ways(settings)}
    return {way: heard[key][0] for way, key in keys.items() if key in heard}
