"""What a rule may know: readings that are fresh, people that are seen, devices that can do a thing, what they were told."""

from __future__ import annotations

from collections.abc import Iterator

from devices.reading import Command, Quality, Text, Value
from edge.branch.plan import Device, Plan
from edge.branch.state import BranchState, PlantValue

OUTSIDE = "weather"
"""The zone under which readings of the weather stand."""


def reading(state: BranchState, zone: str, quantity: str, now: float, max_age_s: float) -> float | None:
    """The newest number of a quantity in a zone; None when it is missing, no number, or too old to act on."""
    newest = state.climate.readings.get(zone, {}).get(quantity)
    if newest is None or newest.quality is Quality.MISSING or now - newest.t > max_age_s:
        return None
    return None if newest.value is None or isinstance(newest.value, str) else float(newest.value)


def people(state: BranchState, zone: str) -> int | None:
    """People in a zone; None when nobody can see (which is not nobody)."""
    seen = state.occupancy.zones.get(zone)
    return None if seen is None or seen.quality is Quality.MISSING else seen.people


def able(plan: Plan, quantity: str, zone: str | None = None) -> Iterator[Device]:
    """Devices that can be told `quantity`, in the order of the file."""
    for device in plan.devices.values():
        if quantity in device.quantities and device.zone is not None and zone in (None, device.zone):
            yield device


def told(state: BranchState, device: str, quantity: str) -> PlantValue:
    """What a device was told of a quantity, and what it says it does."""
    return state.climate.plant.get(f"{device}/{quantity}", PlantValue())


def current(value: PlantValue) -> Value:
    """What a device does as far as is known: what it said after it was told, else what it was told."""
    return value.read_back if value.read_back is not None and value.read_at >= value.commanded_at else value.commanded


def by_hand(value: PlantValue, now: float) -> bool:
    """Whether a person's setting holds still."""
    return value.hand is not None and value.hand_until is not None and now < value.hand_until


def reachable(state: BranchState, device: str) -> bool:
    """Whether it makes sense to tell a device anything; one never heard of is tried."""
    known = state.fleet.devices.get(device)
    return known is None or known.state != "offline"


def wish(device: Device, quantity: str, value: Value, why: Text, until: float) -> Command:
    """A command to a device."""
    return Command(quantity, value, device=device.id, why=why, until=until)
