"""What there is, is documented: commands, options, drivers and their settings, the files' keys, topics, events and dependencies."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from devices.camera import CameraSettings
from devices.driver import DriverSettings, find, names
from devices.links.serial import SerialLink
from devices.reading import Quality, Sample
from edge.cli import _COMMANDS
from edge.config.sections import Document
from edge.event import _LANES
from edge.headoffice.settings import Settings
from edge.ops.requests import VERBS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "deploy" / "README.md"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROOTS = "alert|appointment|climate|clock|command|counter|day|device|door|machine|occupancy|outbox|rating|request|terminal|ticket"
HEARD_ONLY = {"ticket.printed"}  # what a driver tells and no event repeats under that name
UNSAID = {"--help", "-h"}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every option of a command and of what is below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)
        else:
            yield from (word for word in action.option_strings if word.startswith("--"))


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_and_its_options_are_documented(command: str) -> None:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"edge.commands.{command}").add_arguments(parser)
    said = page("commands.md")
    assert f"`smartbranch {command}" in said
    section = said.partition(f"\n## {command}")[2].partition("\n## ")[0] or said
    assert [option for option in options(parser) if option not in UNSAID and option not in section + said.partition("## check")[0]] == []


def test_every_measurement_is_documented() -> None:
    from edge.commands.bench import _BENCHES  # noqa: PLC0415 (a test of this one command)

    said = page("commands.md").partition("## bench")[2].partition("\n##")[0]
    assert [name for name in _BENCHES if name not in said] == []


@pytest.mark.parametrize("name", names())
def test_a_driver_and_its_settings_have_a_page(name: str) -> None:
    own = find(name).settings.model_fields
    said = page(f"drivers/{name}.md")
    assert f"driver: {name}" in said
    assert [key for key in own.keys() - DriverSettings.model_fields.keys() if f"`{own[key].alias or key}`" not in said] == []


def test_what_every_device_has_is_documented() -> None:
    said = page("configuration.md").partition("## Every device")[2].partition("\n## ")[0]
    assert [key for key in (*DriverSettings.model_fields, "driver", "link") if f"`{key}`" not in said] == []


def test_a_camera_has_a_page() -> None:
    said = page("drivers/camera.md")
    assert [key for key in CameraSettings.model_fields if f"`{key}`" not in said] == []


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Every key of a file, those of the sections within too."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for kind in _within(field.annotation):
            if kind is not CameraSettings:  # has its own page
                yield from keys(kind)


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _within(inner)


@pytest.mark.parametrize(
    ("model", "from_", "to"), [(Document, "## The sections", "## Every device"), (Settings, "## Head office", "\n## ")]
)
def test_every_key_of_the_files_is_documented(model: type[BaseModel], from_: str, to: str) -> None:
    said = page("configuration.md").partition(from_)[2].partition(to)[0]
    assert len(list(keys(model))) > 8
    assert [key for key in keys(model) if f"`{key}`" not in said] == []


def event_types() -> set[str]:
    """Every type that stands in the source where events are made."""
    source = "\n".join(file.read_text(encoding="utf-8") for part in ("edge/branch", "edge") for file in (ROOT / part).glob("*.py"))
    return (set(re.findall(rf'"((?:{ROOTS})\.[a-z_]+)"', source)) | _LANES.keys()) - HEARD_ONLY


@pytest.mark.parametrize("type_", sorted(event_types()))
def test_an_event_is_documented(type_: str) -> None:
    (row,) = [line for line in page("events.md").splitlines() if line.startswith("|") and f"`{type_}`" in line.split("|")[1]]
    assert (_LANES[type_].value if type_ in _LANES else "") in row


def test_what_is_documented_as_an_event_is_one() -> None:
    rows = [line.split("|")[1] for line in page("events.md").splitlines() if line.startswith("|")]
    known = event_types() | {f"device.{state}" for state in ("online", "stale", "faulty", "offline")}
    assert {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row)} - known == set()


@pytest.mark.parametrize("verb", VERBS)
def test_a_request_is_documented(verb: str) -> None:
    assert f"`{verb}`" in page("topics.md")


TOPICS = (
    "status",
    "queue",
    "counter",
    "occupancy",
    "door",
    "climate",
    "device",
    "alert",
    "advice",
    "uplink",
    "event",
    "request",
    "response",
)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_documented(topic: str) -> None:
    assert re.search(rf"`(branch/<id>/)?{topic}[`/]", page("topics.md"))


def dependencies() -> list[str]:
    listed = [*PROJECT["dependencies"], *(entry for extra in PROJECT["optional-dependencies"].values() for entry in extra)]
    return [re.match(r"[A-Za-z0-9._-]+", entry)[0] for entry in listed]  # type: ignore[index] # each begins with its name


@pytest.mark.parametrize("name", dependencies())
def test_a_dependency_has_a_line_that_says_why(name: str) -> None:
    (row,) = [line for line in page("dependencies.md").splitlines() if line.startswith(f"| `{name}` |")]
    assert len(row.split("|")[-2].strip()) > 20


def test_what_is_no_dependency_has_no_line() -> None:
    assert set(re.findall(r"^\| `([^`]+)` \|", page("dependencies.md"), flags=re.MULTILINE)) == set(dependencies())


IMPORTED_AS = {
    "opencv-python-headless": "cv2",
    "paho-mqtt": "paho",
    "pyserial": "serial",
    "pyserial-asyncio-fast": "serial_asyncio_fast",
    "ruamel.yaml": "ruamel",
    "tzdata": "zoneinfo",  # which reads it
}


@pytest.mark.parametrize("name", dependencies())
def test_a_dependency_is_used(name: str) -> None:
    module = IMPORTED_AS.get(name, name.replace("-", "_"))
    used = re.compile(rf"^\s*(import|from) {module}\b", flags=re.MULTILINE)
    assert any(
        used.search(file.read_text(encoding="utf-8")) for part in ("edge", "devices", "models") for file in (ROOT / part).rglob("*.py")
    )


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_readme_has_the_two_commands_and_its_picture(name: str) -> None:
    said = (ROOT / name).read_text(encoding="utf-8")
    assert "\nmake demo\n" in said
    assert "\nmake test\n" in said
    assert "docs/pictures/page-1280.png" in said


def links(file: Path) -> Iterator[tuple[Path, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)):
        if "://" not in target:
            place, _, anchor = target.partition("#")
            yield (file.parent / place if place else file), anchor


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    assert [str(place) for place, _ in links(file) if not place.exists()] == []
    for place, anchor in links(file):
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_decision_is_in_the_list() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", page("decisions/README.md")))
    assert listed == {file.name for file in (DOCS / "decisions").glob("*.md")} - {"README.md"}


@pytest.fixture
def documented_driver(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The driver that stands in the page on writing one, as a module."""
    from devices import driver  # noqa: PLC0415 (its registry is put back afterwards)

    monkeypatch.setattr(driver, "_REGISTRY", dict(driver._REGISTRY))
    (source,) = re.findall(r"```python\n(.*?)```", page("writing-a-driver.md"), flags=re.DOTALL)
    module = types.ModuleType("lobby_thermometer")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where pydantic looks its annotations up
    exec(compile(source, "writing-a-driver.md", "exec"), module.__dict__)
    return module


def test_the_documented_driver_hears(documented_driver: types.ModuleType) -> None:
    assert "lobby_thermometer" in names()
    buffer = bytearray(b"\xffT=2\nT=23.4\r\nT=ERR\nT=-1.")
    heard = [documented_driver.sample(said, 0.5) for said in documented_driver.decode(buffer)]
    assert heard[0] == Sample("temperature_c", 23.9)
    assert heard[1].quality is Quality.MISSING
    assert list(documented_driver.decode(buffer + b"0\n")) == [-1.0]
    flood = bytearray(b"T=1" * 10_000)
    assert list(documented_driver.decode(flood)) == []
    assert len(flood) < 9


def test_the_documented_driver_may_be_configured(documented_driver: types.ModuleType) -> None:
    settings = documented_driver.Settings.model_validate({"link": {"serial": "/dev/ttyUSB0"}, "zone": "hall", "offset_c": -0.2})
    assert isinstance(settings.link, SerialLink.Settings)
    assert settings.commanded() == ("setpoint_c",)
