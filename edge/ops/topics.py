"""Topics: what people and outside programs read of the branch's state, as the payloads of design 4.2; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from devices.reading import Quality, Value
from edge.branch.choice import credit_s
from edge.branch.plan import Plan
from edge.branch.state import BranchState, DoorCount, PlantValue, Reading, Ticket
from edge.clock import written
from edge.forecast.wait import Forecast, Wait
from edge.rules.decision import Advice

Payload = Mapping[str, Any]
_NEXT_SHOWN = 5


def payloads(plan: Plan, state: BranchState, forecast: Forecast, advice: Sequence[Advice], now: float) -> dict[str, Payload]:
    """Topic below `branch/<id>/` -> payload, all that follows from the state; each with its `t`."""

    def at(t: float | None) -> str | None:
        return written(t, plan.timezone) if t is not None else None

    t = {"t": at(now)}
    found = {
        **{f"queue/{service}": _queue(plan, state, forecast, service, now) for service in plan.services},
        **{f"counter/{counter}": _counter(plan, state, counter, at) for counter in plan.counters},
        **{f"occupancy/{zone}": _occupancy(state, zone) for zone in plan.zones},
        **{f"door/{door}": _door(state, door, plan.doors[door].source) for door in plan.doors},
        **{f"climate/{zone}": _climate(plan, state, zone, at) for zone in plan.zones},
        **{f"device/{device}": _device(plan, state, device, at) for device in plan.devices},
        **{
            f"alert/{i}": {"severity": a.severity, "text": a.text, "since": at(a.since), "acknowledged_by": a.acknowledged_by}
            for i, a in state.alerts.items()
        },
        **{f"advice/{a.id}": {"text": a.text, "why": a.why, "until": at(a.until)} for a in advice},
    }
    return {topic: {**payload, **t} for topic, payload in found.items()}


def _queue(plan: Plan, state: BranchState, forecast: Forecast, service: str, now: float) -> Payload:
    queue = state.queue
    waiting = sorted((ticket for ticket in queue.tickets.values() if _waits(ticket, service)), key=lambda ticket: _turn(plan, ticket, now))
    return {
        "waiting": len(waiting),
        "longest_wait_s": round(max((now - _since(ticket) for ticket in waiting), default=0.0)),
        "wait_now_s": _points(forecast.by_service.get(service)),
        "counters_open": sum(
            service in plan.counters[c].services for c, s in queue.counters.items() if _gives(s.state) and c in plan.counters
        ),
        "next": [ticket.name for ticket in waiting[:_NEXT_SHOWN]],
        "served_today": queue.served_today.get(service, 0),
        "abandoned_today": queue.abandoned_today.get(service, 0),
    }


def _waits(ticket: Ticket, service: str) -> bool:
    return ticket.service == service and ticket.state == "waiting" and not ticket.inferred_gone


def _since(ticket: Ticket) -> float:
    """Since when it waits in its service: issued, or transferred."""
    return ticket.queued_at or ticket.issued_at


def _turn(plan: Plan, ticket: Ticket, now: float) -> float:
    """What is smallest is likely called next; a counter that serves a class first may choose otherwise."""
    return _since(ticket) - (credit_s(plan, ticket, now) if plan.authority == "smartbranch" else 0.0)


def _gives(counter_state: str) -> bool:
    return counter_state in {"open", "serving"}


def _points(wait: Wait | None) -> Payload | None:
    return {"p50": round(wait.p50_s), "p90": round(wait.p90_s)} if wait else None


def _counter(plan: Plan, state: BranchState, counter: str, at: Callable[[float | None], str | None]) -> Payload:
    now = state.queue.counters.get(counter)
    services = list(plan.counters[counter].services)
    if now is None:
        return {"state": "closed", "ticket": None, "since": None, "services": services}
    return {"state": now.state, "ticket": now.ticket, "since": at(now.since), "services": services}


def _occupancy(state: BranchState, zone: str) -> Payload:
    people = state.occupancy.zones.get(zone)
    if people is None or people.quality is Quality.MISSING:
        return {"people": None, "quality": Quality.MISSING.value, "sources": list(people.sources) if people else []}
    return {"people": people.people, "quality": people.quality.value, "sources": list(people.sources)}


def _door(state: BranchState, door: str, source: str) -> Payload:
    count = state.occupancy.doors.get(door, DoorCount())
    return {
        "in_today": count.in_today,
        "out_today": count.out_today,
        "inside": state.occupancy.inside,
        "quality": count.quality.value,
        "source": source,
    }


def _climate(plan: Plan, state: BranchState, zone: str, at: Callable[[float | None], str | None]) -> Payload:
    readings = state.climate.readings.get(zone, {})
    told = dict(_told(plan, state, zone))
    newest = max((value for value in told.values() if value.why), key=lambda value: value.commanded_at, default=None)
    return {
        **{quantity: _known(reading) for quantity, reading in readings.items() if isinstance(reading.value, int | float | None)},
        "temperature_c": _known(readings.get("temperature_c")),
        "co2_ppm": _known(readings.get("co2_ppm")),
        **dict.fromkeys(("mode", "setpoint_c", "fresh_air_pct")),
        **{quantity: _set_to(value) for quantity, value in told.items()},
        "why": newest.why if newest else None,
        "until": at(newest.until) if newest else None,
        "plant": {quantity: _plant(value, at) for quantity, value in told.items()},
        "inferred": [quantity for quantity, reading in readings.items() if reading.quality is Quality.INFERRED],
    }


def _told(plan: Plan, state: BranchState, zone: str) -> Iterator[tuple[str, PlantValue]]:
    """What the zone's plant was told, by quantity."""
    for key, value in state.climate.plant.items():
        device, quantity = key.split("/")[:2]
        if device in plan.devices and plan.devices[device].zone == zone:
            yield quantity, value


def _plant(value: PlantValue, at: Callable[[float | None], str | None]) -> Payload:
    """One quantity of the plant: what it is set to, why and until when, and until when a person's hand is respected."""
    return {
        "value": _set_to(value),
        "why": value.why or None,
        "until": at(value.until),
        "outcome": value.outcome or None,
        "hand_until": at(value.hand_until) if _by_hand(value) else None,
    }


def _set_to(value: PlantValue) -> Value:
    """What a hand set, else what it was told, else what it says itself."""
    if _by_hand(value):
        return value.hand
    return value.commanded if value.commanded is not None else value.read_back


def _by_hand(value: PlantValue) -> bool:
    return value.hand_until is not None and value.hand is not None


def _known(reading: Reading | None) -> Any:
    return None if reading is None or reading.quality is Quality.MISSING else reading.value


def _device(plan: Plan, state: BranchState, device: str, at: Callable[[float | None], str | None]) -> Payload:
    now = state.fleet.devices.get(device)
    kind = plan.devices[device].kind
    if now is None:
        return {"state": "unknown", "kind": kind, "reason": None, "last_seen": None}
    return {
        "state": now.state,
        "kind": kind,
        "reason": now.reason,
        "last_seen": at(now.last_seen),
        **({"facts": now.facts} if now.facts else {}),
        **({"parts": now.parts} if now.parts else {}),
    }
