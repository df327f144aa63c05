"""`smartbranch count`: rendered doors and the real clip against their truth, and what each bad input is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import main
from models.catalog import Catalog

LINE = ("--line", "main=0.1,0.5,0.9,0.5")
OVERHEAD = ("--view", "overhead", "--model", "background")
CLIP = "one-by-one-person-detection"


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTBRANCH_MODELS", str(tmp_path / "models"))


def count(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    status = main(["count", *words, "--json"])
    said = capsys.readouterr()
    return status, json.loads(said.out) if said.out else {}, said.err


def test_a_rendered_door_against_its_truth(door: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, said = count(
        capsys, str(door), *LINE, *OVERHEAD, "--zone", "all=0,0;1,0;1,1;0,1", "--truth", str(door.with_suffix(".json"))
    )
    assert (status, said) == (0, "")
    assert told.keys() >= {"frames", "fps", "detector", "lines", "zones", "cpu_ms_per_frame", "truth"}
    assert (told["frames"], told["fps"], told["detector"]) == (400, 10.0, "background")
    assert told["truth"]["lines"]["main"]["f1"] >= 0.9
    main_line = told["lines"]["main"]
    assert main_line["in"] + main_line["out"] == len(main_line["crossings"])
    assert told["network_runs"] < told["looked_at"]  # nobody is looked for where nothing moves


def test_every_third_picture_keeps_the_files_numbers(door: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told, _ = count(capsys, str(door), *LINE, *OVERHEAD, "--every", "3")
    assert (told["frames"], told["looked_at"]) == (400, 134)
    assert all(crossing["frame"] % 3 == 0 and crossing["t_s"] == crossing["frame"] / 10 for crossing in told["lines"]["main"]["crossings"])


def test_renders_a_picture_of_each_that_it_looked_at(door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "seen.mp4"
    assert main(["count", str(door), *LINE, *OVERHEAD, "--zone", "all=0,0;1,0;1,1;0,1", "--every", "10", "--render", str(out)]) == 0
    assert "line main:" in capsys.readouterr().out
    capture = cv2.VideoCapture(str(out))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FRAME_WIDTH)) == (40, 640)


def test_where_it_cannot_render_it_says_so(door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = count(capsys, str(door), *LINE, *OVERHEAD, "--render", str(tmp_path / "absent" / "out.mp4"))
    assert status == 1
    assert "cannot be written" in said


def film_of(tmp_path: Path, film: Callable[..., Path], kind: str) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (30, 96, 128, 3), dtype=np.uint8)
    path = tmp_path / f"{kind}.mp4"
    if kind == "text":
        path.write_text("This is no video.\n" * 50, encoding="utf-8")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "header":
        path.write_bytes(film(noise).read_bytes()[:64])
    elif kind == "picture":
        path.write_bytes(cv2.imencode(".jpg", noise[0])[1].tobytes()[:200])
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [("text", "no video"), ("empty", "empty"), ("header", "no video"), ("absent", "no such file"), ("picture", "no video")],
)
def test_what_is_no_video_is_one_line(
    tmp_path: Path, film: Callable[..., Path], capsys: pytest.CaptureFixture[str], kind: str, told: str
) -> None:
    status, out, said = count(capsys, str(film_of(tmp_path, film, kind)), *LINE, *OVERHEAD)
    assert (status, out) == (1, {})
    assert told in said
    assert said.count("\n") == 1


def test_a_video_that_breaks_off_is_counted_as_far_as_it_goes(door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(cut), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (128, 96))
    pictures = np.random.default_rng(0).integers(0, 255, (60, 96, 128, 3), dtype=np.uint8)
    for picture in pictures:
        writer.write(picture)
    writer.release()
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    status, told, said = count(capsys, str(cut), *LINE, *OVERHEAD)
    assert status == 1
    assert "breaks off" in told["incomplete"]
    assert 20 <= told["frames"] <= 35
    assert "cut.avi" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--line", "main=0,0,1"), "NAME=X1,Y1,X2,Y2"),
        (("--line", "=0,0,1,1"), "NAME=X1,Y1,X2,Y2"),
        (("--line", "main=0.5,0.5,0.5,0.5"), "no length"),
        (("--line", "main=0,0,1.5,1"), "outside the picture"),
        (("--line", "main=0,0,nan,1"), "outside the picture"),
        (("--zone", "z=0,0;1,1;1,0;0,1"), "crosses itself"),
        (("--zone", "z=0,0;1,1"), "zones z"),
        (("--zone", "z=0,0;0.5,0.5;1,1"), "no area"),
        (("--every", "0"), "1 or more"),
        (("--model", "yolo"), "no detector is called"),
        (("--truth", "absent.json"), "cannot be read"),
        ((), "no detector is installed; `smartbranch models add FILE`"),
    ],
)
def test_a_wrong_argument_is_told(door: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    status, out, said = count(capsys, str(door), *words)
    assert (status, out) == (1, {})
    assert told in said
    assert said.count("\n") == 1


def test_a_truth_that_is_none(door: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "truth.json"
    wrong.write_text('{"lines": 3}', encoding="utf-8")
    status, _, said = count(capsys, str(door), *OVERHEAD, "--truth", str(wrong))
    assert status == 1
    assert "no truth file" in said


def test_a_folder_of_pictures_is_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i, shape in enumerate([(96, 128, 3), (96, 128), (192, 256, 3), (96, 128, 3)]):  # grey, and another size in between
        cv2.imwrite(str(folder / f"{i:03d}.jpg"), random.integers(0, 255, shape, dtype=np.uint8))
    cv2.imwrite(str(folder / "004.png"), random.integers(0, 60_000, (96, 128), dtype=np.uint16))
    status, told, _ = count(capsys, str(folder), *LINE, *OVERHEAD)
    assert (status, told["frames"]) == (0, 5)
    (folder / "002.jpg").write_bytes((folder / "002.jpg").read_bytes()[:500])
    status, told, said = count(capsys, str(folder), *LINE, *OVERHEAD)
    assert status == 1
    assert "002.jpg" in said


@pytest.mark.parametrize("every", [1, 3])
def test_the_real_clip(data: Path, capsys: pytest.CaptureFixture[str], every: int) -> None:
    Catalog().add(data / "yolox_nano.onnx")
    truth = json.loads((data / f"{CLIP}.truth.json").read_text(encoding="utf-8"))
    words = [str(data / f"{CLIP}.mp4"), "--every", str(every), "--truth", str(data / f"{CLIP}.truth.json")]
    for name, line in truth["lines"].items():
        words += ["--line", f"{name}=" + ",".join(str(side) for point in line["points"] for side in point)]
    words += ["--zone", "table=" + ";".join(f"{x},{y}" for x, y in truth["zones"]["table"]["polygon"])]
    status, told, _ = count(capsys, *words)
    assert (status, told["frames"], told["detector"]) == (0, 1394, "yolox-nano")
    assert {name: (line["in"], line["out"]) for name, line in told["lines"].items()} == {"entry": (6, 0), "exit": (6, 0)}
    assert all(line["f1"] == 1.0 for line in told["truth"]["lines"].values())
    assert told["truth"]["zones"]["table"]["max_abs_error_s"] <= 2.0
