"""Zones: which zone, door or counter a part of a device belongs to."""

from __future__ import annotations

from edge.branch.plan import Device, Door, Plan

WEATHER = "weather"


def zone_of(plan: Plan, device: Device, part: str) -> str | None:
    """The zone that a part of a device senses: by name, by `links_to`, the device's own, or the only one it can be."""
    if part in plan.zones:
        return part
    linked = device.links_to.get(part)
    if linked in plan.zones:
        return linked
    if device.zone is not None:
        return device.zone
    if device.id == WEATHER:
        return WEATHER
    return _only([zone for zone in device.links_to.values() if zone in plan.zones] or (list(plan.zones) if device.kind == "camera" else []))


def door_of(plan: Plan, device: Device, part: str) -> Door | None:
    """The door that a part of a device counts: by `links_to`, by the part's name, or the one door it stands at."""
    linked = plan.doors.get(device.links_to.get(part, part))
    if linked is not None:
        return linked
    at = [door for door in plan.doors.values() if device.id == door.source or device.id in door.others]
    return at[0] if len(at) == 1 else None


def _only(found: list[str]) -> str | None:
    return found[0] if len(set(found)) == 1 else None
