"""References: what one section of the file says of another must exist there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from devices.driver import DriverSettings
from edge.config.hours import hours_of
from edge.config.problems import Problem, did_you_mean, line_of
from edge.config.sections import Document
from edge.rules.limits import Limits

_COMFORT: Final = frozenset({*Limits.__struct_fields__, "hand_s"})
_Reference = tuple[tuple[str | int, ...], str, str, Iterable[str]]


def references(
    document: Document, drivers: Mapping[str, str], settings: Mapping[str, DriverSettings], tree: Any, folder: Path
) -> Iterator[Problem]:
    """A problem for each name that names nothing, and for what only the whole file shows."""
    for place, word, kind, candidates in _all(document, settings):
        known = list(candidates)
        if word not in known:
            what = f"{'.'.join(map(str, place))}: no {kind} is called {word!r}{did_you_mean(word, known)}"
            yield Problem(line_of(tree, place), what)
    yield from _whole(document, drivers, tree)
    if document.hours:
        try:
            hours_of(document.hours.model_extra or {}, document.hours.closed_on, document.hours.open_on, folder)
        except ValueError as error:
            yield Problem(line_of(tree, ("hours", "closed_on")), f"hours: {error}")


def _all(document: Document, settings: Mapping[str, DriverSettings]) -> Iterator[_Reference]:
    sources = [*document.devices, *document.cameras]
    yield from _of_counters(document)
    for door, entry in document.doors.items():
        yield ("doors", door, "source"), entry.source, "device or camera", sources
    yield from _of_cameras(document)
    yield from _of_devices(document, settings, sources)


def _of_counters(document: Document) -> Iterator[_Reference]:
    for counter, section in document.counters.items():
        for at, service in enumerate(section.services):
            yield ("counters", counter, "services", at), service, "service", document.services
        if section.zone:
            yield ("counters", counter, "zone"), section.zone, "zone", document.zones
        if section.first:
            yield ("counters", counter, "first"), section.first, "class", document.classes


def _of_cameras(document: Document) -> Iterator[_Reference]:
    for camera, view in document.cameras.items():
        for zone in view.zones:
            yield ("cameras", camera, "zones", zone), zone, "zone", document.zones
        for line, crossed in view.lines.items():
            if crossed.door:
                yield ("cameras", camera, "lines", line, "door"), crossed.door, "door", document.doors


def _of_devices(document: Document, settings: Mapping[str, DriverSettings], sources: list[str]) -> Iterator[_Reference]:
    for device, known in settings.items():
        if known.zone:
            yield ("devices", device, "zone"), known.zone, "zone", document.zones
        if known.parent:
            yield ("devices", device, "parent"), known.parent, "device or camera", sources
        for part, (kind, named) in known.serves().items():
            known_there: dict[str, Iterable[str]] = {"counter": document.counters, "zone": document.zones, "door": document.doors}
            yield ("devices", device, f"{kind}s", part), named, kind, known_there[kind]


def _whole(document: Document, drivers: Mapping[str, str], tree: Any) -> Iterator[Problem]:
    if not document.devices and not document.cameras:
        yield Problem(1, "neither devices nor cameras: nothing would be heard; add one of the two")
    for name in document.comfort:
        if name not in _COMFORT:
            what = f"comfort.{name}: no such limit{did_you_mean(name, _COMFORT)}"
            yield Problem(line_of(tree, ("comfort", name)), what)
    by_prefix: dict[str, str] = {}
    for service, section in document.services.items():
        if (other := by_prefix.setdefault(section.prefix, service)) != service:
            place = ("services", service, "prefix")
            what = f"services.{service}.prefix: {section.prefix!r} is already that of {other!r}; two services would share tickets"
            yield Problem(line_of(tree, place), what)
    for camera in document.cameras:
        if camera in drivers:
            yield Problem(line_of(tree, ("cameras", camera)), f"cameras.{camera}: a device has this id already")
