"""Dispatch: which of the rules' wishes are worth a write just now; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from devices.reading import Command, Outcome
from edge.branch.state import BranchState, PlantValue
from edge.rules.decision import Raised

_UNDER_WAY_S: Final = 30.0
"""How long a command without an outcome is waited for."""
_AGAIN_AFTER_S, _AGAIN_AT_LAST_S = 60.0, 1800.0
"""After a command failed or was not confirmed: soon the first time, then twice as long after each try of the last hour."""
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


def with_texts(state: BranchState, raised: Iterable[Raised]) -> BranchState:
    """The state in which standing alerts say what is so now; only another severity makes an event of it."""
    newer = {
        alert.id: replace(standing, text=alert.text)
        for alert in raised
        if (standing := state.alerts.get(alert.id)) is not None and standing.text != alert.text
    }
    return replace(state, alerts={**state.alerts, **newer}) if newer else state


def _worth_sending(told: PlantValue | None, wish: Command, now: float) -> bool:
    if told is None or told.commanded is None:
        return True
    age_s = now - told.commanded_at
    if not told.outcome:
        return age_s >= _UNDER_WAY_S
    if told.outcome not in _HELD:
        return age_s >= min(_AGAIN_AT_LAST_S, _AGAIN_AFTER_S * 2.0 ** max(0, len(told.writes) - 1))
    if told.commanded != wish.value:
        return True
    return told.until is not None and wish.until is not None and told.until - now < _RENEW_S and wish.until > told.until
