"""A live camera in the daemon: people and totals while it sees, and missing with a reason while it does not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.camera import CameraSettings
from devices.driver import text
from devices.reading import Quality, Sample
from devices.simulated.clock import RunningClock
from devices.simulated.video import LiveCamera
from edge.vision.counting import Crossing
from edge.vision.pipeline import DetectorPool, Teller, watch
from edge.vision.view import Seen
from models.catalog import Catalog

LINES = {"main": {"points": [[0.1, 0.5], [0.9, 0.5]]}}
ZONES = {"hall": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}


def camera(url: Path | str, **more: Any) -> CameraSettings:
    return CameraSettings.model_validate({"url": str(url), "view": "overhead", "rate_fps": 10, "lines": LINES, "zones": ZONES} | more)


class Heard:
    """What the camera told, and a way to wait for it."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._more = asyncio.Event()

    def __call__(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._more.set()

    def last(self, quantity: str) -> Sample | None:
        return next((sample for sample in reversed(self.samples) if sample.quantity == quantity), None)

    async def until(self, holds: Callable[[Heard], bool]) -> None:
        while not holds(self):
            self._more.clear()
            await self._more.wait()


@contextlib.asynccontextmanager
async def watching(settings: CameraSettings, catalog: Catalog) -> AsyncIterator[Heard]:
    heard = Heard()
    async with DetectorPool(catalog) as pool:
        task = asyncio.create_task(watch("door", settings, pool, heard))
        yield heard
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def folder_of(tmp_path: Path) -> Callable[[int, Any], None]:
    """`show(number, picture)` is a camera that writes a picture into the folder."""

    def show(number: int, picture: Any) -> None:
        (tmp_path / "part").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        (tmp_path / "part").rename(tmp_path / f"{number:06d}.jpg")

    return show


async def test_people_who_walk_through_are_counted_live(door: Path, tmp_path: Path) -> None:
    async with watching(camera(door), Catalog(tmp_path)) as heard:
        await heard.until(lambda h: sum((s.value or 0) for q in ("in_total", "out_total") if (s := h.last(q))) >= 2)  # type: ignore[misc]
    first = {sample.quantity: sample for sample in reversed(heard.samples)}
    assert (first["in_total"].value, first["in_total"].part, first["people"].part) == (0, "main", "hall")
    assert first["state"].value == "online"
    assert all(sample.quality is Quality.MEASURED for sample in heard.samples)
    assert any(sample.quantity == "people" and sample.value == 1 for sample in heard.samples)


async def test_a_camera_that_is_not_there_is_no_empty_hall(tmp_path: Path) -> None:
    async with watching(camera(tmp_path / "absent.mp4"), Catalog(tmp_path)) as heard:
        await heard.until(lambda h: h.last("state") is not None)
    assert [(s.quantity, s.part, s.value, s.quality) for s in heard.samples] == [
        ("people", "hall", None, Quality.MISSING),
        ("in_total", "main", None, Quality.MISSING),
        ("out_total", "main", None, Quality.MISSING),
        ("state", "", "offline", Quality.MEASURED),
    ]
    assert all(sample.reason and sample.reason.keys() == {"zh-CN", "en"} for sample in heard.samples)


async def test_without_a_detector_it_says_what_to_install(tmp_path: Path, door: Path) -> None:
    async with watching(camera(door, view="oblique"), Catalog(tmp_path)) as heard:
        await heard.until(lambda h: h.last("state") is not None)
    state, people = heard.last("state"), heard.last("people")
    assert state is not None
    assert people is not None
    assert (state.value, people.value, people.quality) == ("faulty", None, Quality.MISSING)
    assert state.reason
    assert "smartbranch models add" in state.reason["en"]


async def test_a_lens_that_is_covered_is_told_and_seen_again(tmp_path: Path) -> None:
    show, random = folder_of(tmp_path), np.random.default_rng(0)
    room = np.asarray(random.integers(40, 220, (27, 48, 3)).repeat(8, axis=0).repeat(8, axis=1), np.uint8)

    async def filming(heard: Heard) -> None:
        for number in range(10_000):
            covered = heard.last("people") is not None and not any(sample.value == "faulty" for sample in heard.samples)
            picture = np.full_like(room, 60) if covered else room
            await asyncio.to_thread(show, number, np.clip(picture + random.normal(0, 2, room.shape), 0, 255).astype(np.uint8))
            await asyncio.sleep(0.05)

    async with watching(camera(tmp_path), Catalog(tmp_path / "models")) as heard:
        film = asyncio.create_task(filming(heard))
        await heard.until(lambda h: [s.value for s in h.samples if s.quantity == "state"] == ["online", "faulty", "online"])
        film.cancel()
    while_covered = [s for s in heard.samples if s.quality is Quality.MISSING]
    assert {s.quantity for s in while_covered} == {"people", "in_total", "out_total"}
    assert all(s.reason and "covered" in s.reason["en"] for s in while_covered)


def seen(people: int = 0, crossings: tuple[str, ...] = (), blindness: Any = None) -> Seen:
    made = tuple(Crossing("main", 1, direction, 0, 0.0) for direction in crossings)  # type: ignore[arg-type]
    return Seen((), made, (), {"hall": people}, blindness, looked=True)


async def test_what_stays_the_same_is_told_once() -> None:
    told: list[Sample] = []
    teller = Teller(camera("x.mp4"), told.append)
    for i in range(50):
        teller.saw(seen(people=2), i / 10)
    assert [(s.quantity, s.value) for s in told] == [("people", 2), ("in_total", 0), ("out_total", 0), ("state", "online")]
    teller.saw(seen(people=3, crossings=("in", "in", "out")), 5.0)
    assert [(s.quantity, s.value) for s in told[4:]] == [("people", 3), ("in_total", 2), ("out_total", 1)]


async def test_totals_go_on_where_they_were_after_a_blindness() -> None:
    told: list[Sample] = []
    teller = Teller(camera("x.mp4"), told.append)
    teller.saw(seen(crossings=("in",)), 0.0)
    teller.saw(seen(blindness="dark"), 0.1)
    teller.heard(Sample("state", "offline", reason=text("gone", "断开")))
    teller.saw(seen(crossings=("in",)), 0.2)
    assert [s.value for s in told if s.quantity == "in_total"] == [1, None, None, 2]
    assert [s.value for s in told if s.quantity == "state"] == ["online", "faulty", "offline", "online"]


async def test_a_box_that_is_too_slow_only_infers() -> None:
    told: list[Sample] = []
    teller = Teller(camera("x.mp4"), told.append)
    for i in range(40):
        teller.saw(seen(people=1), float(i))  # a picture a second where ten are wanted
    last = [sample for sample in told if sample.quantity in {"people", "state"}][-2:]
    assert [(s.value, s.quality) for s in last] == [(1, Quality.INFERRED), ("faulty", Quality.MEASURED)]
    for i in range(700):
        teller.saw(seen(people=1), 40 + i / 10)
    assert told[-1].value == "online"


async def test_two_cameras_share_a_network_and_not_a_background(tmp_path: Path) -> None:
    async with DetectorPool(Catalog(tmp_path)) as pool:
        one, other = await pool.open("auto", "overhead"), await pool.open("auto", "overhead")
    assert one is not other


async def test_a_stream_over_http_is_counted_and_its_end_is_told(tmp_path: Path) -> None:
    stream = LiveCamera(RunningClock(time.time()))
    await stream.plug()
    drawing = asyncio.create_task(stream.run())
    try:
        async with watching(camera(stream.url, zones={}), Catalog(tmp_path)) as heard:
            await heard.until(lambda h: h.last("state") is not None)
            stream.cross(time.time() + 2.5, "in", 1)
            await heard.until(lambda h: any(sample.quantity == "in_total" and sample.value == 1 for sample in h.samples))
            await stream.unplug()
            await heard.until(lambda h: h.samples[-1].value == "offline")
    finally:
        drawing.cancel()
        await stream.unplug()
    assert [sample.value for sample in heard.samples if sample.quantity == "state"] == ["online", "offline"]
    assert [sample.value for sample in heard.samples if sample.quantity == "out_total"] == [0, None]
