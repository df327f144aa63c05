"""Reading a branch's file: every mistake at once, each with its line and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from devices.driver import DriverSettings, find, names
from edge.config.problems import Problem, did_you_mean, line_of, of_validation
from edge.config.references import references
from edge.config.sections import Document
from edge.config.variables import variables

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")


class Config(msgspec.Struct, frozen=True):
    """A file that is sound: its sections, the settings of each device by its driver, and where it lies."""

    path: Path
    document: Document
    drivers: Mapping[str, str]  # device -> driver
    settings: Mapping[str, DriverSettings]  # device -> its settings
    warnings: tuple[Problem, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the file start from."""
        return self.path.parent

    @property
    def store_folder(self) -> Path:
        """Where events are kept."""
        return self.folder / self.document.store.folder


class ConfigError(Exception):
    """The file has mistakes; one line each, `branch.yaml:12: what; did you mean …`."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(problem.told(file) for problem in self.problems))


def load(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in `path`; `environment` is what variables stand for (None: `variables()`).

    Blocks on the disk, and imports the drivers it names.

    Raises:
        ConfigError: with every mistake found.
    """
    tree = parse(path)
    warnings = list(substitute(tree, variables() if environment is None else environment))
    problems: list[Problem] = []
    document = _validated(tree, problems)
    drivers = {str(i): str(d.get("driver")) for i, d in _mappings(tree, "devices") if isinstance(d, Mapping)}
    settings = dict(_devices(tree, problems))
    if document is not None and not problems:
        problems += references(document, drivers, settings, tree, path.parent)
    if problems or document is None:
        raise ConfigError(path.name, problems)
    return Config(path, document, drivers, settings, tuple(sorted(warnings)))


def parse(path: Path) -> CommentedMap:
    """The file's tree, with lines.

    Raises:
        ConfigError: it cannot be read, or is no YAML mapping.
    """
    yaml = YAML(typ="rt")
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path.name, [Problem(1, f"cannot be read: {error.strerror}; `smartbranch init` writes a new one")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path.name, [Problem(1, f"is not UTF-8 text (byte {error.start})")]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(path.name, [Problem(line, f"is no YAML: {error.problem}")]) from error
    except YAMLError as error:
        raise ConfigError(path.name, [Problem(1, f"is no YAML: {error}")]) from error
    if not isinstance(tree, CommentedMap):
        raise ConfigError(path.name, [Problem(1, "holds no sections; `smartbranch init` writes an example")])
    return tree


def substitute(tree: Any, environment: Mapping[str, str]) -> Iterator[Problem]:
    """Put the environment's values in place of `${VARIABLE}`; one that is not set leaves nothing, and a warning."""
    for key in list(tree) if isinstance(tree, CommentedMap) else range(len(tree)) if isinstance(tree, list) else ():
        value = tree[key]
        if isinstance(value, str) and _VARIABLE.search(value):
            for variable in _VARIABLE.findall(value):
                if variable not in environment:
                    what = f"{key}: the variable {variable} is not set; give it as a credential or in the environment of the service"
                    yield Problem(line_of(tree, (key,)), what, is_warning=True)
            tree[key] = _VARIABLE.sub(lambda found: environment.get(found[1], ""), value) or None
        else:
            yield from substitute(value, environment)


def _validated(tree: CommentedMap, problems: list[Problem]) -> Document | None:
    try:
        return Document.model_validate(tree)
    except ValidationError as error:
        problems += of_validation(error, tree, (), Document.model_json_schema())
        return None


def _mappings(tree: CommentedMap, section: str) -> Iterator[tuple[str, Any]]:
    found = tree.get(section)
    if isinstance(found, Mapping):
        yield from found.items()


def _devices(tree: CommentedMap, problems: list[Problem]) -> Iterator[tuple[str, DriverSettings]]:
    links = dict(_mappings(tree, "links"))
    for device, entry in _mappings(tree, "devices"):
        if isinstance(entry, Mapping) and (settings := _device(str(device), entry, links, tree, problems)):
            yield str(device), settings


def _device(
    device: str, entry: Mapping[str, Any], links: Mapping[str, Any], tree: CommentedMap, problems: list[Problem]
) -> DriverSettings | None:
    place = ("devices", device)
    name = entry.get("driver")
    if not isinstance(name, str) or name not in names():
        what = f"no driver is called {name!r}{did_you_mean(name, names())}" if name else "is missing; it names a driver"
        problems.append(Problem(line_of(tree, (*place, "driver")), f"devices.{device}.driver: {what}"))
        return None
    given = {key: value for key, value in entry.items() if key != "driver"}
    for key, value in given.items():
        if key in {"link", "printer"} and isinstance(value, str):
            if value not in links:
                where = f"devices.{device}.{key}"
                what = f"{where}: no link is called {value!r}{did_you_mean(value, links)}"
                problems.append(Problem(line_of(tree, (*place, key)), what))
                return None
            given[key] = links[value]
    settings = find(name).settings
    try:
        return settings.model_validate(given)
    except ValidationError as error:
        problems += of_validation(error, tree, place, settings.model_json_schema())
        return None
