"""The rendered picture: what was seen stands where it was seen, and the counts above it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from devices.camera import CameraSettings
from devices.links.video import Picture
from edge.vision.counting import Crossing
from edge.vision.drawing import Brush, colour
from edge.vision.recording import Count
from edge.vision.render import Renderer
from edge.vision.tracker import Track
from edge.vision.view import Seen

SETTINGS = CameraSettings.model_validate(
    {
        "url": "x.mp4",
        "lines": {"入口": {"points": [[0.1, 0.5], [0.9, 0.5]]}},
        "zones": {"hall": [[0.1, 0.7], [0.4, 0.7], [0.4, 0.9], [0.1, 0.9]]},
    }
)
FLOOR = np.full((360, 640, 3), 128, np.uint8)


def rendered(path: Path, pixels: Any, *, crossings: tuple[Crossing, ...] = (), blindness: Any = None) -> Any:
    """One picture of second 8 in which person 3 stands, read back; its floor is `picture[-rows:]`."""
    seen = Seen((Track(3, (0.6, 0.3, 0.8, 0.5), begun=7.0, seen=8.0, score=0.9),), (), (), {"hall": 2}, blindness, looked=True)
    count = Count(("入口",), ("hall",), "background", fps=10.0, crossings=list(crossings))
    with Renderer(path, SETTINGS, 1) as renderer:
        renderer.show(Picture(80, 8.0, pixels), seen, count)
    return cv2.VideoCapture(str(path)).read()[1]


def near(pixel: Any, ink: tuple[int, int, int]) -> bool:
    """The same colour, as far as a compressed video keeps it."""
    return bool(np.abs(pixel.astype(int) - ink).max() < 60)


def test_a_person_a_line_and_a_zone_stand_where_they_are(tmp_path: Path) -> None:
    picture = rendered(tmp_path / "seen.mp4", FLOOR)[-360:]
    assert near(picture[256, 384], colour(3))  # the box's left side
    assert near(picture[180, 200], (0, 200, 255))  # the line
    assert near(picture[288, 128], (128, 128, 128))  # inside the zone the floor still shows
    assert near(picture[252, 180], (255, 160, 0))  # the zone's upper side
    assert near(picture[60, 60], (128, 128, 128))


def test_a_line_that_was_just_crossed_is_lit(tmp_path: Path) -> None:
    picture = rendered(tmp_path / "seen.mp4", FLOOR, crossings=(Crossing("入口", 3, "in", 78, 7.8),))
    assert near(picture[-180, 200], (90, 255, 120))


def test_a_camera_that_cannot_see_has_a_red_header(tmp_path: Path) -> None:
    assert near(rendered(tmp_path / "seen.mp4", FLOOR, blindness="dark")[3, 320], (60, 60, 230))
    assert not near(rendered(tmp_path / "too.mp4", FLOOR)[3, 320], (60, 60, 230))


@pytest.mark.parametrize("shape", [(90, 160, 3), (361, 641, 3), (1, 700, 3), (1080, 1920, 3)])
def test_a_picture_of_any_size_can_be_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert rendered(tmp_path / "seen.mp4", np.zeros(shape, np.uint8)) is not None


def test_what_does_not_fit_into_one_row_takes_more() -> None:
    one, many = (Brush(FLOOR).under([f"line {i}:  in 100  out 100" for i in range(count)], "0:08", None) for count in (1, 9))
    assert one.shape[0] < many.shape[0]
    assert many.shape[1] == 640
