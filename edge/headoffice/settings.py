"""Settings: head office's file, `hq.yaml`; an empty one is valid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml.comments import CommentedMap

from devices.driver import DriverError
from devices.links.broker import Broker
from edge.config.load import ConfigError, parse, substitute
from edge.config.mistakes import of_validation
from edge.config.problems import Problem
from edge.config.variables import variables

BranchId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
_KNOWN_DATABASES = ("sqlite:///", "postgresql://", "postgres://")


class Section(BaseModel):
    """A part of the file; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MqttSection(Section):
    """The broker that the branches send to."""

    url: str = "mqtt://127.0.0.1:1883"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None  # beside this file, like those below
    certificate_file: Path | None = None
    key_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _is_broker(cls, url: str) -> str:
        try:
            Broker.of(url)
        except DriverError as error:
            raise ValueError(str(error)) from error
        return url

    def broker(self, folder: Path = Path()) -> Broker:
        """Where that is; `folder` is where relative paths begin."""
        ca_file, certificate_file, key_file = (
            folder / file if file else None for file in (self.ca_file, self.certificate_file, self.key_file)
        )
        files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
        return Broker.of(self.url, username=self.username, password=self.password, **files)


class DatabaseSection(Section):
    """Where events are kept: `sqlite:///FILE` beside this file, or `postgresql://user@host/database`."""

    url: str = "sqlite:///headoffice.db"
    folder: Path | None = None  # where SQLite's file, or PostgreSQL's marker, lies: ours to write; beside this file unless given

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: str) -> str:
        if not url.startswith(_KNOWN_DATABASES):
            raise ValueError(f"is none of {', '.join(_KNOWN_DATABASES)}…")
        return url


class WebSection(Section):
    """Where the page is served; on loopback unless it says otherwise."""

    listen: str = "127.0.0.1:8090"

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise ValueError("has to be host:port, e.g. 127.0.0.1:8090")
        return listen

    @property
    def host(self) -> str:
        """The address that is listened on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0: any that is free."""
        return int(self.listen.rpartition(":")[2])


class BranchSection(Section):
    """What is known of a branch."""

    name: str | dict[str, str] | None = None
    region: str | None = None
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"no time zone is called {name!r}; e.g. Asia/Shanghai") from error
        return name


class Settings(Section):
    """All of it."""

    mqtt: MqttSection = MqttSection()
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    branches: dict[BranchId, BranchSection] = {}
    most_branches: int = Field(100_000, ge=1)  # beyond it unlisted ones are set aside: topics cost nothing to whoever floods


def load(path: Path, environment: Mapping[str, str] | None = None) -> tuple[Settings, list[Problem]]:
    """The settings in `path`, and what an operator should know: variables that are not set. Blocks on the disk.

    Raises:
        ConfigError: with every mistake, each with its line.
    """
    tree = CommentedMap() if _is_empty(path) else parse(path)
    warnings = sorted(substitute(tree, variables() if environment is None else environment))
    try:
        return Settings.model_validate(tree), warnings
    except ValidationError as error:
        raise ConfigError(path.name, of_validation(error, tree, (), Settings.model_json_schema())) from error


def _is_empty(path: Path) -> bool:
    """Whether the file holds nothing but comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False  # `parse` says what is wrong
    return all(line.partition("#")[0].strip() in {"", "---"} for line in lines)
