"""What a driver file provides, the branch it is handed, and the registry of drivers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict

from devices.reading import Command, Occurrence, Outcome, Sample, Text

if TYPE_CHECKING:
    from devices.links.wire import Owner, Site

ENTRY_POINTS = "smart_branch_edge.drivers"


class DriverError(Exception):
    """A driver cannot go on; the text says what the operator should do."""


class LinkDownError(DriverError):
    """The line is away just now; it is opened again by itself."""


class DriverSettings(BaseModel):
    """What stands in `branch.yaml` under a device, beside `driver`; a driver adds its own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str | dict[str, str] | None = None
    zone: str | None = None  # which zone of the branch the device serves
    parent: str | None = None  # a device through which this one is reached; while that is down this one is not told of
    stale_after_s: float | None = None  # silence after which it is doubted; None: as its kind usually speaks

    def commanded(self) -> tuple[str, ...]:
        """The quantities that the device can be told."""
        return ()

    def serves(self) -> Mapping[str, tuple[str, str]]:
        """What its parts are in the branch: part -> (`counter` | `zone` | `door`, its id)."""
        return {}

    def topics(self) -> tuple[str, ...]:
        """Topic filters at the branch's broker that are the device's own, for the broker's access list; none where it speaks no MQTT."""
        prefix = getattr(getattr(self, "link", None), "mqtt", None)
        return (prefix, f"{prefix}/#") if prefix else ()


L_co = TypeVar("L_co", covariant=True)
S = TypeVar("S", bound=DriverSettings)


class LinkSettings(BaseModel, Generic[L_co]):
    """How a link is written in `branch.yaml`; its class says what opening it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def wire(self) -> str:
        """What two settings share when they are the same wire, e.g. `serial /dev/ttyUSB0`."""
        raise NotImplementedError

    def terms(self) -> Mapping[str, object]:
        """What all devices on the wire must agree on, by key; two baud rates on one line are a mistake."""
        return {"link": type(self).__name__, **self.model_dump()}

    def owner(self, site: Site) -> Owner[L_co]:
        """What holds the wire for all its devices; made when the first of them opens it."""
        raise NotImplementedError


class Branch(Protocol):
    """The branch as a driver sees it."""

    @property
    def device(self) -> str:
        """The device's id in `branch.yaml`."""
        ...

    def now(self) -> float:
        """Unix time in seconds, for what is written down; durations come from the event loop's clock."""
        ...

    def measured(self, sample: Sample) -> None:
        """Tell a measurement (or the device's `state`); never waits."""
        ...

    async def happened(self, occurrence: Occurrence) -> None:
        """Return when the occurrence is committed, or known as a copy of one that is; acknowledge only then."""
        ...

    def commands(self) -> AsyncIterator[Command]:
        """What this device should do, one at a time, newest of a quantity and part; ends only by cancellation."""
        ...

    def done(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        """Say what came of a command; every command gets one outcome."""
        ...

    def open(self, settings: LinkSettings[L_co]) -> AbstractAsyncContextManager[L_co]:
        """The link, shared with the others on the same wire; it reconnects by itself and tells when it is away."""
        ...


Run = Callable[[Any, Branch], Awaitable[None]]


class Driver(msgspec.Struct, frozen=True):
    """A driver: its name in `branch.yaml`, its settings, and what runs for each device until cancelled."""

    name: str
    settings: type[DriverSettings]
    run: Run


_REGISTRY: dict[str, Driver] = {}


def driver(name: str, settings: type[S]) -> Callable[[Callable[[S, Branch], Awaitable[None]]], Callable[[S, Branch], Awaitable[None]]]:
    """Register the decorated coroutine function as the driver `name`."""

    def register(run: Callable[[S, Branch], Awaitable[None]]) -> Callable[[S, Branch], Awaitable[None]]:
        _REGISTRY[name] = Driver(name, settings, run)
        return run

    return register


def _built_in() -> Iterator[str]:
    """Driver files of this package: every module beside this one but the vocabulary itself."""
    package = importlib.import_module("devices")
    yield from (m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg and m.name not in {"driver", "reading", "camera"})


def names() -> list[str]:
    """Every driver that could be named in `branch.yaml`, without importing any."""
    return sorted({*_built_in(), *(point.name for point in entry_points(group=ENTRY_POINTS)), *_REGISTRY})


def find(name: str) -> Driver:
    """The driver called `name`, imported when first asked for.

    Raises:
        LookupError: no such driver, its module registers none of that name, or it cannot be imported; says which.
    """
    if name not in _REGISTRY:
        if name in set(_built_in()):
            importlib.import_module(f"devices.{name}")
        for point in entry_points(group=ENTRY_POINTS, name=name):
            _load(point)
    if name not in _REGISTRY:
        raise LookupError(f"no driver is called {name!r}")
    return _REGISTRY[name]


def _load(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as error:
        raise LookupError(f"the driver {point.name!r} ({point.value}) cannot be imported: {type(error).__name__}: {error}") from error


def text(en: str, zh: str) -> Text:
    """What people read, in both languages."""
    return {"zh-CN": zh, "en": en}
