"""The JSON Schema of a branch's file: it takes what the program takes, knows every driver, and outlives one from outside that is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from devices.driver import names
from edge.config.load import ConfigError, load
from edge.config.schema import schema
from tests.edge.config.branch_text import TEXT, spoilt

TEMPLATE = Path(__file__).parents[3] / "edge" / "config" / "branch.template.yaml"


def valid(text: str) -> bool:
    written: Any = json.loads(json.dumps(YAML(typ="safe").load(text), default=str))
    found = jsonschema.Draft202012Validator(schema())
    return bool(found.is_valid(written))


@pytest.mark.parametrize("text", [TEXT, TEMPLATE.read_text(encoding="utf-8")])
def test_what_the_program_takes_is_valid(tmp_path: Path, text: str) -> None:
    (tmp_path / "branch.yaml").write_text(text, encoding="utf-8")
    load(tmp_path / "branch.yaml", {"HQ_PASSWORD": "x"})
    assert valid(text)


REFUSED = (
    ("timezone:", "timezome:"),
    ("beam_counter", "beam_countr"),
    ("address: 3", "adress: 3"),
    ("desk: {", "Desk: {"),
    ("area_m2: 30", "area_m2: wide"),
)


@pytest.mark.parametrize(("before", "after"), REFUSED)
def test_what_the_program_refuses_is_not(before: str, after: str) -> None:
    assert not valid(spoilt((before, after)))


def drivers() -> list[str]:
    (devices,) = schema()["properties"]["devices"]["patternProperties"].values()
    return [variant["title"] for variant in devices["oneOf"]]


def test_every_driver_is_there() -> None:
    assert drivers() == names()


def outside(folder: Path, name: str, code: str) -> None:
    """A package with a driver, as pip would have installed it into `folder`."""
    (folder / f"{name}_driver.py").write_text(code, encoding="utf-8")
    about = folder / f"{name}_driver-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-driver\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[smart_branch_edge.drivers]\n{name} = {name}_driver\n", encoding="utf-8")


def test_a_broken_driver_from_outside_is_told_as_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outside(tmp_path, "broken", "import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "branch.yaml"
    file.write_text("branch: {id: x}\ndevices:\n  a: {driver: broken}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load(file)
    said = "the driver 'broken' (broken_driver) cannot be imported: ModuleNotFoundError: No module named 'no_such_library'"
    assert str(told.value) == f"branch.yaml:3: devices.a.driver: {said}"
    assert "broken" not in drivers()
    assert said in caplog.text
