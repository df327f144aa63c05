"""The fold of plant: the last command and what came of it, and the hand that overrides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from edge.branch.state import ClimateState, PlantValue

Data = Mapping[str, Any]
_WRITTEN: Final = frozenset({"sent", "confirmed", "not_confirmed"})
_HOUR_S: Final = 3600.0


def _command(known: PlantValue, t: float, data: Data) -> PlantValue:
    """Only what reached the device counts as a write; what it confirmed is what it reads back."""
    at = data.get("commanded_at") or t
    others = tuple(written for written in known.writes if written != at and 0 <= t - written < _HOUR_S)
    changed = replace(
        known,
        commanded=data["value"],
        commanded_at=at,
        why=data.get("why") or {},
        until=data.get("until"),
        outcome=data["outcome"],
        writes=(*others, at) if data["outcome"] in _WRITTEN else others,
    )
    return replace(changed, read_back=data["value"], read_at=t) if data["outcome"] == "confirmed" else changed


def _held(known: PlantValue, t: float, data: Data) -> PlantValue:
    return replace(known, hand=data["value"], hand_until=data["until"], read_back=data["value"], read_at=t)


def _released(known: PlantValue, _t: float, _data: Data) -> PlantValue:
    return replace(known, hand=None, hand_until=None)


_FOLDS: Final[Mapping[str, Callable[[PlantValue, float, Data], PlantValue]]] = {
    "climate.command": _command,
    "climate.held": _held,
    "climate.released": _released,
}
TYPES: Final = frozenset(_FOLDS)


def fold(climate: ClimateState, type_: str, t: float, data: Data) -> ClimateState:
    """The ledger after one of `TYPES`."""
    part = data.get("part")
    key = f"{data['device']}/{data['quantity']}" + (f"/{part}" if part else "")
    return replace(climate, plant={**climate.plant, key: _FOLDS[type_](climate.plant.get(key, PlantValue()), t, data)})
