"""The sections of `branch.yaml` and what may stand in them; `smartbranch schema` prints these as JSON Schema."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import date
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from devices.camera import CameraSettings
from devices.driver import DriverError
from devices.links.broker import Broker
from edge.config.hours import DAY_KEY, read_spans

Id = Annotated[str, Field(pattern=r"^[a-z0-9-]+$", description="small letters, digits and hyphens")]
_KEY_BYTES: Final = 32
Name = str | dict[str, str]
_LISTEN: Final = re.compile(r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$")


class Section(BaseModel):
    """A section: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BranchSection(Section):
    """Which branch this is."""

    id: Id
    name: Name | None = None
    timezone: str = "Asia/Shanghai"
    language: Literal["zh-CN", "en"] = "zh-CN"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no time zone is called {name!r}; for example Asia/Shanghai") from error
        return name


def _days(key: str) -> str:
    if not DAY_KEY.fullmatch(key):
        raise ValueError("names no days; write for example mon-fri, sat or mon,wed")
    return key


def _spans(written: str | None) -> str | None:
    read_spans(written)
    return written


def _is_broker(url: str) -> str:
    try:
        Broker.of(url)
    except DriverError as error:
        raise ValueError(str(error)) from error
    return url


Url = Annotated[str, AfterValidator(_is_broker)]


class HoursSection(BaseModel):
    """Opening hours: a key for days (`mon-fri`, `sat`, `mon,wed`) and its spans, and the days that are exceptions."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_days)], Annotated[str | None, AfterValidator(_spans)]] = Field(init=False)

    closed_on: list[date] | str = []  # dates, or an .ics file beside this one
    open_on: list[date] = []


class MqttSection(Section):
    """The branch's own broker: its devices, and the topics for its people."""

    url: Url = "mqtt://127.0.0.1:1883"
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    topics: bool = True  # publish branch/<id>/…
    homeassistant: bool = False  # device discovery under homeassistant/


class ZoneSection(Section):
    """A part of the branch with its own people and air."""

    name: Name | None = None
    area_m2: float = Field(50.0, gt=0, le=100_000)
    height_m: float = Field(3.0, gt=1, le=50)
    cooling_kw: float | None = Field(None, ge=0)
    heating_kw: float | None = Field(None, ge=0)
    fresh_air_max_l_s: float | None = Field(None, ge=0)


class QueueSection(Section):
    """Who decides which ticket is next, and after how long nobody may be passed over."""

    authority: Literal["machine", "smartbranch"] = "smartbranch"
    longest_wait_guard_min: float = Field(40, gt=0, le=600)


class ServiceSection(Section):
    """What customers come for."""

    name: Name | None = None
    prefix: str = Field(pattern=r"^[A-Z]$")
    target_wait_min: float = Field(10, gt=0, le=600)


class ClassSection(Section):
    """A class of customers, and the minutes it is put ahead."""

    credit_min: float = Field(0, ge=0, le=600)
    name: Name | None = None


class CounterSection(Section):
    """A counter: the services it gives, first choice first."""

    services: list[str] = Field(min_length=1)
    zone: str | None = None
    first: str | None = None


class DoorSection(Section):
    """A door and the device or camera that counts it."""

    source: str
    name: Name | None = None


class WebSection(Section):
    """Where the page listens; nothing but loopback unless it says so here."""

    listen: str | None = "127.0.0.1:8080"
    requests: bool | None = None  # may people at the page ask for things; unless said, only where it listens on loopback
    hosts: list[str] = []  # names by which the page is reached, beside its addresses and this machine's own name

    @field_validator("listen")
    @classmethod
    def _address(cls, listen: str | None) -> str | None:
        found = _LISTEN.match(listen) if listen else None
        if listen and (not found or int(found[2]) > 65_535):
            raise ValueError(f"{listen!r} is no address; write host:port, for example 127.0.0.1:8080")
        return listen


class StoreSection(Section):
    """Where events are kept, and for how long after head office has them."""

    folder: str = "smartbranch-data"
    retention_days: int = Field(400, ge=1, le=4000)
    bulk_retention_days: int = Field(35, ge=1, le=4000)


class HeadofficeSection(Section):
    """The line to head office; several urls are tried in turn."""

    url: Url | Annotated[list[Url], Field(min_length=1)]
    user: str | None = None  # the branch's id unless given
    password: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    signing_keys: dict[str, str] = {}  # head office's Ed25519 public keys by name, base64

    @field_validator("signing_keys")
    @classmethod
    def _keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for name, key in keys.items():
            try:
                found = base64.b64decode(key, validate=True)
            except binascii.Error:
                found = b""
            if len(found) != _KEY_BYTES:
                raise ValueError(f"{name!r} is no Ed25519 public key; write its {_KEY_BYTES} bytes in base64")
        return keys


class Document(Section):
    """The whole file."""

    branch: BranchSection
    hours: HoursSection | None = None
    mqtt: MqttSection = MqttSection()
    zones: dict[Id, ZoneSection] = {}
    queue: QueueSection = QueueSection()
    services: dict[Id, ServiceSection] = {}
    classes: dict[Id, ClassSection] = {}
    counters: dict[Id, CounterSection] = {}
    doors: dict[Id, DoorSection] = {}
    links: dict[Id, dict[str, Any]] = {}
    devices: dict[Id, dict[str, Any]] = {}
    cameras: dict[Id, CameraSettings] = {}
    comfort: dict[str, float] = {}
    web: WebSection = WebSection()
    store: StoreSection = StoreSection()
    headoffice: HeadofficeSection | None = None
