"""Named: the plan as the page needs it, the names of everything in every language; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.branch.plan import Plan


def named(plan: Plan) -> Mapping[str, Any]:
    """`{"branch", "name", "language", "authority", "services": {id: {…}}, "classes", "counters", "zones", "doors", "devices"}`."""
    return {
        "branch": plan.branch,
        "name": plan.name,
        "language": plan.language,
        "authority": plan.authority,
        "services": {i: {"name": s.name, "prefix": s.prefix, "target_wait_s": s.target_wait_s} for i, s in plan.services.items()},
        "classes": {i: {"name": c.name} for i, c in plan.classes.items()},
        "counters": {i: {"services": c.services, "zone": c.zone, "first": c.first} for i, c in plan.counters.items()},
        "zones": {i: {"name": z.name, "commands": _commands(plan, i)} for i, z in plan.zones.items()},
        "doors": {i: {"name": d.name} for i, d in plan.doors.items()},
        "devices": {i: {"name": d.name, "kind": d.kind, "zone": d.zone, "parent": d.parent} for i, d in plan.devices.items()},
    }


def _commands(plan: Plan, zone: str) -> list[str]:
    """What can be told to a zone's plant."""
    return sorted({quantity for device in plan.devices.values() if device.zone == zone for quantity in device.quantities})
