"""Durable: what the events alone make of a state, and what of a state is worth taking up after a restart."""

from __future__ import annotations

from msgspec.structs import replace

from devices.reading import Quality
from edge.branch.state import BranchState, ClimateState, DeviceState, DoorCount, FleetState, OccupancyState, PlantValue


def durable(state: BranchState) -> BranchState:
    """What the events alone make of a state: without what is the newest heard, for which there is no event."""
    queue = replace(state.queue, short_since=None)
    occupancy = OccupancyState(
        day=state.occupancy.day,
        doors={
            door: DoorCount(count.in_today, count.out_today)
            for door, count in state.occupancy.doors.items()
            if count.in_today or count.out_today
        },
        inside=state.occupancy.inside,
        totals={key: (total, 0.0) for key, (total, _) in state.occupancy.totals.items()},
        crossed_at=state.occupancy.crossed_at,
    )
    plant = {
        key: PlantValue(hand=known.hand, hand_until=known.hand_until)
        for key, known in state.climate.plant.items()
        if known.hand is not None
    }
    devices = {
        id_: DeviceState(told=known.told, told_reason=known.told_reason)
        for id_, known in state.fleet.devices.items()
        if known.told != "unknown"
    }
    return BranchState(
        day=state.day,
        queue=queue,
        occupancy=occupancy,
        climate=ClimateState(plant=plant),
        fleet=FleetState(devices=devices),
        alerts=state.alerts,
    )


def rested(state: BranchState) -> BranchState:
    """The state as it is taken up after a restart: nothing is heard yet, and no silence counts from before."""
    doors = {door: replace(count, quality=Quality.MISSING, last_seen=0.0) for door, count in state.occupancy.doors.items()}
    devices = {
        id_: DeviceState(state=known.told, reason=known.told_reason, since=known.since, told=known.told, told_reason=known.told_reason)
        for id_, known in state.fleet.devices.items()
    }
    return replace(
        state,
        queue=replace(state.queue, short_since=None),
        occupancy=replace(state.occupancy, zones={}, doors=doors, seen={}, compared={}, others={}, empty_since=None),
        climate=ClimateState(plant=state.climate.plant),
        fleet=FleetState(devices=devices),
        ticked_at=None,
    )
