"""The cameras of a branch, each watched in isolation, all through one detector pool."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from devices.camera import CameraSettings
from devices.reading import Sample
from edge.engine import Engine
from edge.isolation import isolated
from edge.vision.pipeline import DetectorPool, watch


async def watch_all(cameras: Mapping[str, CameraSettings], engine: Engine) -> None:
    """Watch until cancelled; a camera that fails takes no other with it."""
    async with DetectorPool() as pool, asyncio.TaskGroup() as tasks:
        for camera, settings in cameras.items():
            tasks.create_task(_watched(camera, settings, pool, engine), name=camera)


async def _watched(camera: str, settings: CameraSettings, pool: DetectorPool, engine: Engine) -> None:
    def told(sample: Sample) -> None:
        engine.measured(camera, sample)

    await isolated(camera, lambda: watch(camera, settings, pool, told), told)
