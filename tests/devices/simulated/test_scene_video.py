"""Rendered pictures: people where the truth says they are, in a file and live through OpenCV."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.simulated.clock import RunningClock
from devices.simulated.scene import FPS, HEIGHT, WIDTH, draw, floor, walk_through
from devices.simulated.video import LiveCamera, crossings, write_video


@pytest.mark.parametrize(("direction", "first_below"), [("in", True), ("out", False)])
def test_a_walk_crosses_the_line_once_its_way(direction: str, first_below: bool) -> None:
    walk = walk_through(2.0, direction, 1, np.random.default_rng(4))
    assert walk.at(1.99) is None
    begins = walk.at(2.0)
    assert begins is not None
    assert (begins[1] > HEIGHT / 2) is first_below
    assert walk.at(walk.ends + 0.1) is None
    (crossing,) = crossings([walk], 30.0)
    assert crossing["direction"] == direction
    at_line = walk.at(crossing["frame"] / FPS)
    assert at_line is not None
    assert abs(at_line[1] - HEIGHT / 2) < 15


def test_a_person_changes_the_picture_where_the_person_is() -> None:
    background, random = floor(1), np.random.default_rng(1)
    walk = walk_through(0.0, "in", 0, random)
    picture = draw(background, [walk], 2.0, random).astype(int)
    place = walk.at(2.0)
    assert place is not None
    changed = np.abs(picture - background).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 500
    assert np.hypot(rows - place[1], columns - place[0]).mean() < 40
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_a_file_has_the_frames_and_the_crossings_that_its_truth_says(tmp_path: Path) -> None:
    truth = write_video(tmp_path / "door.mp4", 20.0, seed=3)
    assert truth == write_video(tmp_path / "again.mp4", 20.0, seed=3) | {"video": "door.mp4"}
    recording = cv2.VideoCapture(str(tmp_path / "door.mp4"))
    frames = 0
    while recording.read()[0]:
        frames += 1
    assert frames == truth["frames"] == 200
    found = truth["lines"]["main"]["crossings"]
    assert {crossing["direction"] for crossing in found} <= {"in", "out"}
    assert len(found) >= 2
    assert all(0 < crossing["frame"] < 200 for crossing in found)


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        write_video(tmp_path / "nowhere" / "door.mp4", 1.0, seed=1)


async def test_opencv_sees_it_live(tmp_path: Path) -> None:
    camera = LiveCamera(RunningClock(100.0), fps=20)
    await camera.plug()
    running = asyncio.create_task(camera.run())
    camera.cross(100.0, "in", 2)

    def look() -> list[float]:
        """How much each of a few pictures differs from the empty floor."""
        capture = cv2.VideoCapture(camera.url)
        pictures = [capture.read()[1] for _ in range(25)]
        capture.release()
        return [float((np.abs(picture.astype(int) - floor(0)).max(axis=2) > 60).mean()) for picture in pictures]

    assert max(await asyncio.to_thread(look)) > 0.002
    await camera.unplug()
    running.cancel()


async def test_nothing_is_drawn_while_nobody_watches() -> None:
    camera = LiveCamera(RunningClock(100.0), fps=100)
    camera._encode = lambda _t: pytest.fail("drawn for nobody")  # type: ignore[method-assign]
    await camera.plug()
    running = asyncio.create_task(camera.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    running.cancel()
    await camera.unplug()
