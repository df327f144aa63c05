"""Video for the tests: rendered doors with their truth, plain films, and the real clip where there is one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from devices.simulated.video import write_video


@pytest.fixture
def data() -> Path:
    """The folder of real material; the test is skipped without."""
    named = os.environ.get("SMARTBRANCH_TEST_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("SMARTBRANCH_TEST_DATA names no folder with real video and a real network")
    return Path(named)


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds of a rendered door, and its truth beside it."""
    path = tmp_path_factory.mktemp("door") / "door.mp4"
    truth = write_video(path, 40.0, seed=2)
    path.with_suffix(".json").write_text(json.dumps(truth), encoding="utf-8")
    return path


@pytest.fixture
def film(tmp_path: Path) -> Callable[[Iterable[NDArray[np.uint8]]], Path]:
    """`film(pictures)` writes them as a video of 10 pictures a second."""

    def write(pictures: Iterable[NDArray[np.uint8]], name: str = "film.mp4") -> Path:
        path, writer = tmp_path / name, None
        for picture in pictures:
            if writer is None:
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (picture.shape[1], picture.shape[0]))
            writer.write(picture)
        assert writer is not None
        writer.release()
        return path

    return write
