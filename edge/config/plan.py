"""The plan of a branch, made of its file."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from devices.camera import CameraSettings
from devices.driver import DriverSettings
from devices.reading import Text
from edge.branch.plan import Counter, Device, Door, Hours, Plan, Service, TicketClass, Zone
from edge.config.hours import hours_of
from edge.config.load import Config
from edge.config.sections import Document, Name


def named(name: Name | None, fallback: str) -> Text:
    """A name in every language; one string serves all."""
    if isinstance(name, dict):
        first = next(iter(name.values()), fallback)
        return {"zh-CN": first, "en": first, **name}
    return {"zh-CN": name or fallback, "en": name or fallback}


def plan_of(config: Config) -> Plan:
    """The plain facts that the deciding functions work on."""
    document = config.document
    hours = document.hours
    return Plan(
        branch=document.branch.id,
        name=named(document.branch.name, document.branch.id),
        timezone=ZoneInfo(document.branch.timezone),
        language=document.branch.language,
        hours=hours_of(hours.model_extra or {}, hours.closed_on, hours.open_on, config.folder) if hours else Hours(),
        zones={
            i: Zone(i, named(z.name, i), z.area_m2, z.height_m, z.cooling_kw, z.heating_kw, z.fresh_air_max_l_s)
            for i, z in document.zones.items()
        },
        authority=document.queue.authority,
        longest_wait_guard_s=document.queue.longest_wait_guard_min * 60,
        services={i: Service(i, named(s.name, i), s.prefix, s.target_wait_min * 60) for i, s in document.services.items()},
        classes={"normal": TicketClass("normal", {"zh-CN": "普通", "en": "Normal"})}
        | {i: TicketClass(i, named(c.name, i), c.credit_min * 60) for i, c in document.classes.items()},
        counters={i: Counter(i, tuple(c.services), c.zone, c.first) for i, c in document.counters.items()},
        doors={i: Door(i, named(d.name, i), d.source, _others(document, i, d.source)) for i, d in document.doors.items()},
        devices={i: _device(i, config.drivers[i], s) for i, s in config.settings.items()} | _cameras(document.cameras),
        comfort=document.comfort,
    )


def at_rate(plan: Plan, rate: float) -> Plan:
    """The plan for a day that runs `rate` times as fast while wires keep their own timing: silence is doubted no sooner."""
    if rate == 1.0:
        return plan
    devices = {i: msgspec.structs.replace(device, stale_after_s=device.stale_after_s * rate) for i, device in plan.devices.items()}
    return msgspec.structs.replace(plan, devices=devices)


def _others(document: Document, door: str, source: str) -> tuple[str, ...]:
    """Cameras that see the door too."""
    at_door = (i for i, camera in document.cameras.items() if any(line.door == door for line in camera.lines.values()))
    return tuple(camera for camera in at_door if camera != source)


def _device(device: str, kind: str, settings: DriverSettings) -> Device:
    return Device(
        device,
        kind,
        named(settings.name, device),
        settings.zone,
        settings.parent,
        settings.commanded(),
        settings.stale_after_s if settings.stale_after_s is not None else 120.0,
        {part: where for part, (_, where) in settings.serves().items()},
    )


def _cameras(cameras: Mapping[str, CameraSettings]) -> dict[str, Device]:
    return {
        i: Device(
            i,
            "camera",
            named(camera.name, i),
            camera.zone or _only(camera.zones),
            links_to={line: d.door for line, d in camera.lines.items() if d.door},
        )
        for i, camera in cameras.items()
    }


def _only(zones: Mapping[str, object]) -> str | None:
    """The zone of a camera that sees one: what it says of people without a part is of that."""
    return next(iter(zones)) if len(zones) == 1 else None
