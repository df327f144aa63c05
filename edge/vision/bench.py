"""`bench vision`: CPU a picture beside supervision with ByteTrack, same pictures, same network session settings, same run."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.camera import CameraSettings
from edge.vision import peer
from edge.vision.recording import count, cpu_seconds
from edge.vision.tracker import Tracker
from models.background import Background
from models.catalog import Catalog, PeopleDetector
from models.manifest import ModelError

_CLIP: Final = "one-by-one-person-detection.mp4"
_PICTURES: Final = 200
_BUSY_FROM, _QUIET = 500, (870, 920)  # pictures of the clip: two people come and go; nobody is there
_ROWS: Final = (432, 720)
_ROWS_FULL: Final = (432, 720, 1080)
_CROWD: Final = 50


class Scene(msgspec.Struct, frozen=True):
    """A video to be measured with, and what is to be counted in it."""

    name: str  # busy or quiet
    rows: int
    settings: CameraSettings
    pictures: int


def bench(full: bool) -> dict[str, Any]:
    """The figures: CPU milliseconds a picture, of the decoder too, busy and quiet, by rows; ours and the peer's."""
    with tempfile.TemporaryDirectory() as folder:
        open_detector, name, scenes = _material(Path(folder), _ROWS_FULL if full else _ROWS)
        start_s = _start_s(scenes[0])
        ours = [_ours(scene, open_detector(), start_s) for scene in scenes]
        if _peer():
            peer.tracking()  # imports it: its start is not measured either
        theirs = [_theirs(scene, open_detector()) for scene in scenes] if _peer() else None
    return {
        "detector": name,
        "cpu_ms_per_frame": _by_scene(scenes, [cpu_ms for cpu_ms, _ in ours]),
        "counted": _by_scene(scenes, [counted for _, counted in ours]),
        "start_cpu_s": round(start_s, 3),
        "tracking_50_people_ms": _tracking_ms(Tracker().step),
        "peers": {_peer() or "supervision": _of_peer(scenes, theirs) if theirs else "not installed"},
    }


def _peer() -> str | None:
    try:
        return f"supervision {version('supervision')} ByteTrack"
    except PackageNotFoundError:
        return None


def _of_peer(scenes: list[Scene], figures: list[tuple[float, Any]]) -> dict[str, Any]:
    return {
        "cpu_ms_per_frame": _by_scene(scenes, [cpu_ms for cpu_ms, _ in figures]),
        "counted": _by_scene(scenes, [counted for _, counted in figures]),
        "tracking_50_people_ms": _tracking_ms(peer.tracking()),
    }


def _by_scene(scenes: list[Scene], figures: list[Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"busy": {}, "quiet": {}}
    for scene, figure in zip(scenes, figures, strict=True):
        found[scene.name][str(scene.rows)] = figure
    return found


def _material(folder: Path, rows: tuple[int, ...]) -> tuple[Callable[[], PeopleDetector], str, list[Scene]]:
    """The real clip and network where there are any, else a rendered door and the background model."""
    data = Path(os.environ.get("SMARTBRANCH_TEST_DATA") or folder)
    if (data / _CLIP).is_file() and (opened := _network(data, folder)):
        lines = {"exit": {"points": [[0.78125, 0.0], [0.78125, 1.0]]}}
        parts = {"busy": _part(data / _CLIP, _BUSY_FROM, _PICTURES), "quiet": _part(data / _CLIP, _QUIET[0], _QUIET[1] - _QUIET[0])}
        return (lambda: opened), opened.name, _scenes(folder, rows, parts, {"lines": lines})
    lines = {"main": {"points": [[0.1, 0.5], [0.9, 0.5]]}}
    made = {"busy": _drawn(people=3), "quiet": _drawn(people=0)}
    return Background, "background", _scenes(folder, rows, made, {"lines": lines, "view": "overhead"})


def _network(data: Path, folder: Path) -> PeopleDetector | None:
    """The network beside the clip, whatever is installed on this box; None where it is not there or broken."""
    catalog = Catalog(folder / "models")
    try:
        catalog.add(data / "yolox_nano.onnx")
        return catalog.open()
    except ModelError:
        return None


def _part(path: Path, first: int, pictures: int) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, first)
    return [np.asarray(capture.read()[1], np.uint8) for _ in range(pictures)]


def _drawn(people: int) -> list[NDArray[np.uint8]]:
    """A door from above, walked through again and again by so many at a time."""
    random = np.random.default_rng(0)
    floor = cv2.GaussianBlur(random.normal(140, 25, (432, 768, 3)), (0, 0), 4)
    pictures = []
    for i in range(_PICTURES):
        picture = floor.copy()
        for person in range(people):
            centre = 150 + 220 * person, round((i * 9 + 150 * person) % 560 - 60)
            cv2.ellipse(picture, centre, (34, 18), 0, 0, 360, (40, 40, 90), -1)
            cv2.circle(picture, centre, 14, (20, 20, 20), -1)
        pictures.append(np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8))
    return pictures


def _scenes(folder: Path, rows: tuple[int, ...], parts: dict[str, list[NDArray[np.uint8]]], counted: dict[str, Any]) -> list[Scene]:
    scenes = []
    for high in rows:
        for name, pictures in parts.items():
            url = _written(folder / f"{name}-{high}.mp4", pictures, high)
            scenes.append(Scene(name, high, CameraSettings.model_validate({"url": url} | counted), _PICTURES))
    return scenes


def _written(path: Path, pictures: list[NDArray[np.uint8]], rows: int) -> str:
    """The pictures, again from the start until there are enough, as a video `rows` high."""
    columns = round(rows * pictures[0].shape[1] / pictures[0].shape[0] / 2) * 2
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (columns, rows))
    for i in range(_PICTURES):
        writer.write(cv2.resize(pictures[i % len(pictures)], (columns, rows)))
    writer.release()
    return str(path)


def _start_s(scene: Scene) -> float:
    """CPU seconds of starting the decoding process, which a camera does once."""
    before = cpu_seconds()
    asyncio.run(count(scene.settings, lambda _: np.empty((0, 6), np.float32), "", every=10**6, longest_px=64))
    decoding_s = cpu_seconds() - before
    capture, before = cv2.VideoCapture(scene.settings.url), cpu_seconds()
    while capture.grab():
        pass
    return max(0.0, decoding_s - (cpu_seconds() - before))


def _ours(scene: Scene, detector: PeopleDetector, start_s: float) -> tuple[float, Any]:
    counted = asyncio.run(count(scene.settings, detector.detect, detector.name, longest_px=detector.longest_px))
    passed = {line: [counted.passed(line, "in"), counted.passed(line, "out")] for line in counted.lines}
    return round(max(0.0, counted.cpu_s - start_s) * 1000 / scene.pictures, 3), passed


def _theirs(scene: Scene, detector: PeopleDetector) -> tuple[float, Any]:
    before = cpu_seconds()
    passed = peer.count(scene.settings, detector)
    return round((cpu_seconds() - before) * 1000 / scene.pictures, 3), passed


def _tracking_ms(step: Callable[[NDArray[np.float32], float], Any]) -> float:
    """Milliseconds of one thread to follow fifty people for one picture."""
    pictures = list(_crowd())
    for i, boxes in enumerate(pictures[:50]):
        step(boxes, i / 10)
    before = time.process_time()
    for i, boxes in enumerate(pictures[50:], 50):
        step(boxes, i / 10)
    return round((time.process_time() - before) * 1000 / (len(pictures) - 50), 3)


def _crowd() -> Iterator[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    places, speeds = random.uniform(0.1, 0.9, (_CROWD, 2)), random.normal(0, 0.004, (_CROWD, 2))
    for _ in range(250):
        places = np.clip(places + speeds, 0.05, 0.95)
        boxes = np.concatenate((places - 0.02, places + 0.02, np.full((_CROWD, 1), 0.8), np.zeros((_CROWD, 1))), axis=1)
        yield boxes.astype(np.float32)
