"""References: what one section of the file says of another must exist there; read off the file's tree, so that other mistakes hide none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from devices.driver import DriverSettings, LinkSettings
from edge.config.problems import Place, Problem, did_you_mean, line_of
from edge.rules.limits import Limits

_COMFORT: Final = frozenset({*Limits.__struct_fields__, "hand_s"})
_Reference = tuple[Place, Any, str, Iterable[Any]]
Settings = Mapping[str, DriverSettings]


def references(tree: Any, settings: Settings) -> Iterator[Problem]:
    """A problem for each name that names nothing, and for what only the whole file shows; `settings` of the devices that are sound."""
    for place, word, kind, candidates in _all(tree, settings):
        known = list(map(str, candidates))
        if isinstance(word, str) and word not in known:
            what = f"{'.'.join(map(str, place))}: no {kind} is called {word!r}{did_you_mean(word, known)}"
            yield Problem(line_of(tree, place), what)
    for place, what in (*_heard(tree), *_comfort(tree), *_prefixes(tree), *_twice(tree), *_wires(settings)):
        yield Problem(line_of(tree, place), what)


def section(tree: Any, name: str) -> Mapping[Any, Any]:
    """A section of the file; empty where it is absent or none."""
    found = tree.get(name)
    return found if isinstance(found, Mapping) else {}


def entries(tree: Any, name: str) -> Iterator[tuple[Any, Mapping[Any, Any]]]:
    """The entries of a section that are mappings, by their keys."""
    return ((key, entry) for key, entry in section(tree, name).items() if isinstance(entry, Mapping))


def _all(tree: Any, settings: Settings) -> Iterator[_Reference]:
    sources = [*section(tree, "devices"), *section(tree, "cameras")]
    yield from _of_counters(tree)
    for door, entry in entries(tree, "doors"):
        yield ("doors", door, "source"), entry.get("source"), "device or camera", sources
    yield from _of_cameras(tree)
    for device, entry in entries(tree, "devices"):
        yield ("devices", device, "zone"), entry.get("zone"), "zone", section(tree, "zones")
        yield ("devices", device, "parent"), entry.get("parent"), "device or camera", sources
    for device, known in settings.items():
        for part, (kind, named) in known.serves().items():
            yield ("devices", device, f"{kind}s", part), named, kind, section(tree, f"{kind}s")


def _of_counters(tree: Any) -> Iterator[_Reference]:
    for counter, entry in entries(tree, "counters"):
        services = entry.get("services")
        for at, service in enumerate(services if isinstance(services, list) else ()):
            yield ("counters", counter, "services", at), service, "service", section(tree, "services")
        yield ("counters", counter, "zone"), entry.get("zone"), "zone", section(tree, "zones")
        yield ("counters", counter, "first"), entry.get("first"), "class", [*section(tree, "classes"), "normal"]


def _of_cameras(tree: Any) -> Iterator[_Reference]:
    for camera, view in entries(tree, "cameras"):
        yield ("cameras", camera, "zone"), view.get("zone"), "zone", section(tree, "zones")
        for zone in section(view, "zones"):
            yield ("cameras", camera, "zones", zone), zone, "zone", section(tree, "zones")
        for line, crossed in entries(view, "lines"):
            yield ("cameras", camera, "lines", line, "door"), crossed.get("door"), "door", section(tree, "doors")


def _heard(tree: Any) -> Iterator[tuple[Place, str]]:
    if not section(tree, "devices") and not section(tree, "cameras"):
        yield (), "neither devices nor cameras: nothing would be heard; add one of the two"


def _comfort(tree: Any) -> Iterator[tuple[Place, str]]:
    for name in section(tree, "comfort"):
        if name not in _COMFORT:
            yield ("comfort", name), f"comfort.{name}: no such limit{did_you_mean(name, _COMFORT)}"


def _prefixes(tree: Any) -> Iterator[tuple[Place, str]]:
    owners: dict[Any, Any] = {}
    for service, entry in entries(tree, "services"):
        prefix = entry.get("prefix")
        if isinstance(prefix, str) and (other := owners.setdefault(prefix, service)) != service:
            what = f"services.{service}.prefix: {prefix!r} is already that of {other!r}; two services would share tickets"
            yield ("services", service, "prefix"), what


def _twice(tree: Any) -> Iterator[tuple[Place, str]]:
    for camera in section(tree, "cameras"):
        if camera in section(tree, "devices"):
            yield ("cameras", camera), f"cameras.{camera}: a device has this id already"


def _wires(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Devices on one wire must agree on how it is spoken on."""
    first: dict[str, tuple[str, Mapping[str, object]]] = {}
    for device, known in settings.items():
        for key, link in known:
            if not isinstance(link, LinkSettings):
                continue
            terms = link.terms()
            other, theirs = first.setdefault(link.wire(), (device, terms))
            differing = [name for name in {**theirs, **terms} if theirs.get(name) != terms.get(name)]
            if differing:
                said = ", ".join(f"{name} {terms.get(name)} (there {theirs.get(name)})" for name in differing)
                what = f"devices.{device}.{key}: {link.wire()} is {other}'s too, and a wire has one setting for all: {said}"
                yield ("devices", device, key), what
