"""Dispatch: which of the rules' wishes are worth a write just now; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from devices.reading import Command, Outcome
from edge.branch.state import BranchState, PlantValue

_UNDER_WAY_S: Final = 30.0
"""How long a command without an outcome is waited for."""
_AGAIN_AFTER_S: Final = 60.0
"""After a command failed or was not confirmed."""
_RENEW_S: Final = 30.0
"""A wish that stands is told again this long before the last one's time is over."""
_HELD: Final = frozenset({Outcome.CONFIRMED, Outcome.SENT})


def plant_key(command: Command) -> str:
    """Where a command stands in `ClimateState.plant`."""
    return "/".join(filter(None, (command.device, command.quantity, command.part)))


def due(state: BranchState, wishes: Iterable[Command], now: float) -> Iterator[Command]:
    """The wishes that are to be sent: another value than the device was told, or one that did not take."""
    for wish in wishes:
        if _worth_sending(state.climate.plant.get(plant_key(wish)), wish, now):
            yield wish


def with_reasons(state: BranchState, wishes: Iterable[Command]) -> BranchState:
    """The state in which what stands is explained by why it is wished now, though nothing needs to be sent for it."""
    plant = state.climate.plant
    newer = {
        key: replace(told, why=wish.why)
        for wish in wishes
        if (told := plant.get(key := plant_key(wish))) is not None and told.commanded == wish.value and told.why != wish.why
    }
    return replace(state, climate=replace(state.climate, plant={**plant, **newer})) if newer else state


def _worth_sending(told: PlantValue | None, wish: Command, now: float) -> bool:
    if told is None or told.commanded is None:
        return True
    age_s = now - told.commanded_at
    if not told.outcome:
        return age_s >= _UNDER_WAY_S
    if told.outcome not in _HELD:
        return age_s >= _AGAIN_AFTER_S
    if told.commanded != wish.value:
        return True
    return told.until is not None and wish.until is not None and told.until - now < _RENEW_S and wish.until > told.until
