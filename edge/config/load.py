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
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from devices.driver import Driver, DriverSettings, find, names
from edge.config.hours import hours_of
from edge.config.mistakes import of_validation
from edge.config.problems import Place, Problem, did_you_mean, line_of
from edge.config.references import entries, references, section
from edge.config.sections import Document, HoursSection
from edge.config.variables import variables

_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_KEY: Final = re.compile('found duplicate key "(.*?)" with value', re.DOTALL)
_LINKS: Final = ("link", "printer")
"""Keys under which a device may name one of the file's links."""


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
    warnings = sorted(substitute(tree, variables() if environment is None else environment))
    problems: list[Problem] = []
    document = _validated(tree, problems)
    settings = dict(_devices(tree, problems))
    problems += references(tree, settings)
    if document is not None and document.hours:
        problems += _days_off(document.hours, tree, path.parent)
    if problems or document is None:
        raise ConfigError(path.name, [*problems, *warnings])  # what is not set may be why something is missing
    return Config(path, document, {device: str(document.devices[device]["driver"]) for device in settings}, settings, tuple(warnings))


def parse(path: Path) -> CommentedMap:
    """The file's tree, with lines.

    Raises:
        ConfigError: it cannot be read, or is no YAML mapping.
    """
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        todo = "give the file in it" if isinstance(error, IsADirectoryError) else "`smartbranch init` writes a new one"
        raise ConfigError(path.name, [Problem(1, f"cannot be read: {error.strerror}; {todo}")]) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(path.name, [Problem(line, f"is not UTF-8 text (byte {error.start}); save it as UTF-8")]) from error
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:  # ruamel.yaml's own slips too
        raise ConfigError(path.name, [_no_yaml(error)]) from error
    if not isinstance(tree, CommentedMap):
        raise ConfigError(path.name, [Problem(1, "holds no sections; `smartbranch init` writes an example")])
    return tree


def _no_yaml(error: Exception) -> Problem:
    """What is wrong with the writing itself; nothing of the values, for one may be a password."""
    if isinstance(error, DuplicateKeyError) and (key := _KEY.search(str(error.problem))):
        return Problem(_line(error), f"the key {key[1]!r} stands here for the second time; keep one of the two")
    if isinstance(error, MarkedYAMLError):
        return Problem(_line(error), f"is no YAML: {error.problem or error.context}")
    if isinstance(error, RecursionError):
        return Problem(1, "is no YAML that could be read: it is nested too deeply")
    return Problem(1, f"is no YAML: {str(error) or type(error).__name__}")  # a value that is none of its kind, such as the 31st of February


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def substitute(tree: Any, environment: Mapping[str, str]) -> Iterator[Problem]:
    """Put the environment's values in place of `${VARIABLE}`; one that is not set leaves nothing, and a warning."""
    passed: set[int] = set()
    waiting: list[Any] = [tree]
    while waiting:
        inner = waiting.pop()
        if id(inner) in passed or not isinstance(inner, dict | list):
            continue  # an anchor's value stands in several places, or even in itself
        passed.add(id(inner))
        for key, value in list(inner.items() if isinstance(inner, dict) else enumerate(inner)):
            if isinstance(value, str) and (named := _VARIABLE.findall(value)):
                yield from (_unset(inner, key, variable) for variable in named if variable not in environment)
                inner[key] = _VARIABLE.sub(lambda found: environment.get(found[1], ""), value) or None
            else:
                waiting.append(value)


def _unset(inner: Any, key: Any, variable: str) -> Problem:
    what = f"{key}: the variable {variable} is not set; give it as a credential or in the environment of the service"
    return Problem(line_of(inner, (key,)), what, is_warning=True)


def _validated(tree: CommentedMap, problems: list[Problem]) -> Document | None:
    given = {key: value for key, value in tree.items() if value is not None}  # a section of which nothing is left but its name
    try:
        return Document.model_validate(given)
    except ValidationError as error:
        problems += of_validation(error, tree, (), Document.model_json_schema())
        return None


def _days_off(hours: HoursSection, tree: CommentedMap, folder: Path) -> Iterator[Problem]:
    try:
        hours_of(hours.model_extra or {}, hours.closed_on, hours.open_on, folder)
    except ValueError as error:
        yield Problem(line_of(tree, ("hours", "closed_on")), f"hours.closed_on: {error}")


def _devices(tree: CommentedMap, problems: list[Problem]) -> Iterator[tuple[str, DriverSettings]]:
    links = section(tree, "links")
    for device, entry in entries(tree, "devices"):
        if settings := _device(device, entry, links, tree, problems):
            yield str(device), settings


def _device(device: Any, entry: Mapping[Any, Any], links: Mapping[Any, Any], tree: Any, problems: list[Problem]) -> DriverSettings | None:
    """The settings of a device by its driver, or None and the problems."""
    place = ("devices", device)
    driver = _driver(entry.get("driver"))
    if isinstance(driver, str):
        problems.append(Problem(line_of(tree, (*place, "driver")), f"devices.{device}.driver: {driver}"))
        return None
    given = {key: value for key, value in entry.items() if key != "driver"}
    moved: dict[Place, Place] = {}
    for key in [key for key in _LINKS if isinstance(given.get(key), str)]:
        link = given[key]
        if link not in links:
            what = f"devices.{device}.{key}: no link is called {link!r}{did_you_mean(link, links)}"
            problems.append(Problem(line_of(tree, (*place, key)), what))
            return None
        given[key], moved[*place, key] = links[link], ("links", link)
    try:
        return driver.settings.model_validate(given)
    except ValidationError as error:
        problems += of_validation(error, tree, place, driver.settings.model_json_schema(), given, moved)
        return None


def _driver(name: object) -> Driver | str:
    """The driver of that name, or what is wrong with the name."""
    if name is None:
        return "is missing; it names a driver"
    if not isinstance(name, str) or name not in names():
        return f"no driver is called {name!r}{did_you_mean(name, names())}"
    try:
        return find(name)
    except LookupError as error:
        return str(error.args[0])
