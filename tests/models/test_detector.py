"""The detector: boxes in the picture's pixels whatever its shape, and clear errors for what is no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.detector import Detector, fitted, joined, open_file
from models.manifest import ModelError, known

YOLOX = known()["yolox-nano"]


@pytest.mark.parametrize(
    ("picture", "fed"),
    [((432, 768), (256, 416)), ((1080, 1920), (256, 416)), ((480, 640), (320, 416)), ((768, 432), (416, 256)), ((500, 500), (416, 416))],
)
def test_the_input_follows_the_pictures_shape(picture: tuple[int, int], fed: tuple[int, int]) -> None:
    scale, *size = fitted(*picture, 416, 32)
    assert tuple(size) == fed
    assert scale == pytest.approx(416 / max(picture))


@pytest.mark.parametrize("shape", [(432, 768), (768, 432), (100, 2000), (1080, 1920), (64, 64)])
def test_finds_a_bright_square_in_any_shape(tiny: Callable[..., bytes], shape: tuple[int, int]) -> None:
    detector = Detector(YOLOX, tiny())
    picture = np.zeros((*shape, 3), np.uint8)
    unit = max(shape) / 416  # pixels of the picture in one of the network's
    cell = round(32 * unit)
    picture[:cell, cell : 2 * cell] = 255  # the second cell of the first row
    x1, y1, x2, y2, score, _ = detector.detect(picture, 0.7)[0]
    assert score > 0.7  # what is below the picture is grey
    assert (x1 + x2) / 2 == pytest.approx(48 * unit, abs=unit * 2)
    assert (x1, y1, x2) == pytest.approx((16 * unit, 0, 80 * unit), abs=unit * 2)
    assert y2 <= shape[0]


def test_nothing_in_the_dark(tiny: Callable[..., bytes]) -> None:
    assert Detector(YOLOX, tiny()).detect(np.zeros((256, 416, 3), np.uint8)).shape == (0, 6)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"name": "data"}, "not the network"), ({"outputs": 6}, "not the network"), ({"weight": float("nan")}, "not numbers")],
)
def test_a_wrong_network_is_told(tiny: Callable[..., bytes], wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        Detector(YOLOX, tiny(**wrong))


@pytest.mark.parametrize("contents", [b"", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"PK\x03\x04", bytes(5000)])
def test_a_file_that_is_no_network(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(contents)
    with pytest.raises(ModelError, match="no ONNX network"):
        open_file(YOLOX, path)
    with pytest.raises(ModelError, match="cannot be read"):
        open_file(YOLOX, tmp_path / "absent.onnx")


def box(x1: float, x2: float, y1: float = 10, y2: float = 90, score: float = 0.8) -> tuple[float, ...]:
    return x1, y1, x2, y2, score, 0


@pytest.mark.parametrize(
    ("left", "right", "people"),
    [
        ([box(70, 100)], [box(70, 130)], [box(70, 130)]),  # cut by the left tile's edge, whole in the right one
        ([box(20, 75)], [box(60, 75)], [box(20, 75)]),  # cut by the right tile's edge, whole in the left one
        ([box(40, 100)], [box(60, 120)], [box(40, 120)]),  # cut by both
        ([box(70, 100, 0, 20)], [box(70, 130, 60, 90)], [box(70, 100, 0, 20), box(70, 130, 60, 90)]),  # one above another
        ([box(5, 30)], [box(130, 150)], [box(5, 30), box(130, 150)]),
        ([], [box(130, 150)], [box(130, 150)]),
    ],
)
def test_halves_in_two_tiles_are_one(
    left: list[tuple[float, ...]], right: list[tuple[float, ...]], people: list[tuple[float, ...]]
) -> None:
    tiles = [np.array(boxes, np.float32).reshape(-1, 6) for boxes in (left, right)]
    found = joined(tiles[0], tiles[1], begins=60, ends=100)
    assert np.sort(found, axis=0).ravel().tolist() == pytest.approx(np.sort(np.array(people), axis=0).ravel().tolist())
