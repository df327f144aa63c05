"""The fold: what each event makes of the state; a morning's state is the fold of its events, so a restart loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from edge.branch import plant_fold, queue_fold
from edge.branch.plan import Plan
from edge.branch.shift import shifted
from edge.branch.state import Alert, BranchState, DeviceState, DoorCount, PlantValue, QueueState
from edge.event import Event

Data = Mapping[str, Any]


def apply(_plan: Plan, state: BranchState, event: Event) -> BranchState:
    """The state after an event; one of a type that changes nothing here leaves it as it is."""
    if (in_queue := queue_fold.FOLDS.get(event.type)) is not None:
        return replace(state, queue=in_queue(state.queue, event.t, event.data))
    if event.type in plant_fold.TYPES:
        return replace(state, climate=plant_fold.fold(state.climate, event.type, event.t, event.data))
    fold = _FOLDS.get(event.type)
    return state if fold is None else fold(state, event.t, event.data)


def _day_began(state: BranchState, t: float, data: Data) -> BranchState:
    """A new day: what was carried over, and of the newest heard what is not a day's."""
    carried, day = data["carried"], data["day"]
    queue = QueueState(day=day, appointments=carried["appointments"], last_number={}, short_since=None)
    occupancy = replace(
        state.occupancy,
        day=day,
        doors={door: replace(count, in_today=0, out_today=0) for door, count in state.occupancy.doors.items()},
        inside=carried["inside"],
        totals={key: (total, when) for key, (total, when) in carried["totals"].items()},
        compared={},
        crossed_at=carried["crossed_at"],
    )
    told = {id_: (known["state"], known["reason"]) for id_, known in carried["devices"].items()}
    devices = dict(state.fleet.devices)
    for id_, (state_, reason) in told.items():
        devices[id_] = replace(devices.get(id_, DeviceState(state=state_, reason=reason, since=t)), told=state_, told_reason=reason)
    return replace(
        state,
        day=day,
        queue=queue,
        occupancy=occupancy,
        climate=replace(state.climate, plant=msgspec.convert(carried["plant"], dict[str, PlantValue])),
        fleet=replace(state.fleet, devices=devices),
        alerts=msgspec.convert(carried["alerts"], dict[str, Alert]),
    )


def _counter_total(state: BranchState, t: float, data: Data) -> BranchState:
    if not data.get("counts", True):
        return state
    key = f"{data['source']}/{data['part']}/{data['direction']}_total"
    return replace(state, occupancy=replace(state.occupancy, totals={**state.occupancy.totals, key: (data["total"], t)}))


def _crossed(state: BranchState, t: float, data: Data) -> BranchState:
    state = _counter_total(state, t, data)
    occupancy, people = state.occupancy, data["people"]
    count = occupancy.doors.get(data["door"], DoorCount())
    inside = occupancy.inside or 0
    if data["direction"] == "in":
        count, inside = replace(count, in_today=count.in_today + people), inside + people
    else:
        count, inside = replace(count, out_today=count.out_today + people), max(0, inside - people)
    occupancy = replace(occupancy, doors={**occupancy.doors, data["door"]: count}, inside=inside, crossed_at=t)
    return replace(state, occupancy=occupancy)


def _corrected(state: BranchState, _t: float, data: Data) -> BranchState:
    return replace(state, occupancy=replace(state.occupancy, inside=data["inside"]))


def _device(told: str) -> Callable[[BranchState, float, Data], BranchState]:
    def fold(state: BranchState, t: float, data: Data) -> BranchState:
        known = state.fleet.devices.get(data["device"], DeviceState())
        reason = data["reason"]
        if known.state != told:
            known = replace(known, state=told, reason=reason, since=t)
        known = replace(known, told=told, told_reason=reason)
        return replace(state, fleet=replace(state.fleet, devices={**state.fleet.devices, data["device"]: known}))

    return fold


def _raised(state: BranchState, t: float, data: Data) -> BranchState:
    standing = state.alerts.get(data["alert"])
    since = standing.since if standing else t
    alert = Alert(data["alert"], data["severity"], data["text"], since, standing.acknowledged_by if standing else None)
    return replace(state, alerts={**state.alerts, alert.id: alert})


def _cleared(state: BranchState, _t: float, data: Data) -> BranchState:
    return replace(state, alerts={id_: alert for id_, alert in state.alerts.items() if id_ != data["alert"]})


def _acknowledged(state: BranchState, _t: float, data: Data) -> BranchState:
    standing = state.alerts.get(data["alert"])
    if standing is None:
        return state
    return replace(state, alerts={**state.alerts, standing.id: replace(standing, acknowledged_by=data["by"])})


def _jumped(state: BranchState, _t: float, data: Data) -> BranchState:
    moved = shifted(state, data["by_s"])
    day = data["day"]
    return replace(moved, day=day, queue=replace(moved.queue, day=day), occupancy=replace(moved.occupancy, day=day))


_FOLDS: Final[Mapping[str, Callable[[BranchState, float, Data], BranchState]]] = {
    "day.began": _day_began,
    "door.counter_began": _counter_total,
    "door.counter_restarted": _counter_total,
    "door.crossed": _crossed,
    "occupancy.corrected": _corrected,
    "device.online": _device("online"),
    "device.stale": _device("stale"),
    "device.faulty": _device("faulty"),
    "device.offline": _device("offline"),
    "alert.raised": _raised,
    "alert.cleared": _cleared,
    "alert.acknowledged": _acknowledged,
    "clock.jumped": _jumped,
}
