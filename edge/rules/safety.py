"""Safety: what is commanded stays harmless if nobody ever commands again, and what is left behind when the daemon stops."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from devices.reading import Command
from edge.branch.plan import Device, Plan
from edge.branch.state import BranchState
from edge.rules import comfort, hours
from edge.rules.decision import Decision
from edge.rules.fresh_air import minimum_pct
from edge.rules.known import by_hand, reachable, told, wish
from edge.rules.limits import Limits, limits
from edge.rules.said import said

_PERCENT = ("fan_pct", "fresh_air_pct", "light_pct", "blind_pct", "volume_pct")


def harmless(command: Command, now: float, limit: Limits) -> Command:
    """`command` within bounds that may stand for ever, and with an end; the daemon may die right after it is sent."""
    value = command.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = (limit.setpoint_min_c, limit.setpoint_max_c) if command.quantity == "setpoint_c" else (0.0, 100.0)
        if command.quantity == "setpoint_c" or command.quantity in _PERCENT:
            value = min(high, max(low, float(value)))
    return msgspec.structs.replace(command, value=value, until=command.until if command.until is not None else now + limit.command_s)


def at_stop(plan: Plan, state: BranchState, now: float) -> Decision:
    """What to command before the daemon stops: a state in which the branch can be for days without it.

    Open: units by their own thermostat in the middle of the band, the hygienic minimum of fresh air, full light. Closed:
    units at the frost setpoint or off in summer, no air, no light. Music is off. What a hand has set is left.
    """
    limit = limits(plan)
    commands = (c for device in plan.devices.values() if reachable(state, device.id) for c in _left(plan, state, device, now, limit))
    return Decision(commands=tuple(harmless(command, now, limit) for command in commands))


def _left(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    zone, awake = plan.zones.get(device.zone or ""), hours.is_open(plan, now)
    if zone is None:
        return
    why, until = said("the controller stops: safe state", "控制程序停止：安全状态"), now + limit.command_s
    yield from comfort.left_alone(plan, state, device, now, limit)
    for quantity, value in (
        ("fresh_air_pct", minimum_pct(zone, limit) if awake else 0.0),
        ("light_pct", 100.0 if awake else 0.0),
        ("volume_pct", 0.0),
    ):
        if quantity in device.quantities and not by_hand(told(state, device.id, quantity), now):
            yield wish(device, quantity, value, why, until)
