"""Light: on for people and while open, dimmed by daylight, and never changed twice within the hold time."""

from __future__ import annotations

from collections.abc import Iterator

from devices.reading import Command
from edge.branch.plan import Device, Plan
from edge.branch.state import BranchState, PlantValue
from edge.forecast.wait import Forecast
from edge.rules import hours
from edge.rules.decision import Decision
from edge.rules.fresh_air import Need
from edge.rules.known import able, people, reading, told, wish
from edge.rules.limits import Limits, limits
from edge.rules.said import said


def light(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:  # noqa: ARG001 - every rule has this face
    """The light of every device that can give `light_pct`."""
    limit = limits(plan)
    return Decision(commands=tuple(command for device in able(plan, "light_pct") for command in _device(plan, state, device, now, limit)))


def _device(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    zone = device.zone or ""
    before = told(state, device.id, "light_pct")
    lux = reading(state, zone, "illuminance_lx", now, limit.reading_max_age_s)
    need = _need(hours.is_open(plan, now), _present(state, zone, now, limit), lux, before, limit)
    pct = held(need.pct, before, now, limit)
    yield wish(device, "light_pct", pct, need.why, hours.until(plan, now, limit.command_s))


def _present(state: BranchState, zone: str, now: float, limit: Limits) -> bool | None:
    """Whether somebody is there, by eye or presence sensor; None when nothing can tell."""
    seen, sensed = people(state, zone), reading(state, zone, "presence", now, limit.reading_max_age_s)
    if seen is None and sensed is None:
        return None
    return bool(seen) or bool(sensed)


def _need(is_open: bool, present: bool | None, lux: float | None, before: PlantValue, limit: Limits) -> Need:
    if not is_open and not present:
        return Need(
            0.0,
            said("closed and nobody is seen: off", "非营业时间且无人：关灯")
            if present is False
            else said("closed: off", "非营业时间：关灯"),
        )
    whom = said("open", "营业中") if is_open else said("closed, somebody is there", "非营业时间，有人")
    if lux is None:
        return Need(100.0, said(f"{whom['en']}, daylight not known: full", f"{whom['zh-CN']}，采光未知：全亮"))
    pct = by_daylight_pct(lux, before.commanded, limit)
    return Need(
        pct,
        said(
            f"{whom['en']}, {lux:.0f} lx of {limit.light_lx:.0f} lx: {pct:.0f} %",
            f"{whom['zh-CN']}，{lux:.0f} lx（目标 {limit.light_lx:.0f} lx）：{pct:.0f} %",
        ),
    )


def by_daylight_pct(lux: float, before: object, limit: Limits) -> float:
    """One step up or down while the light is a fifth off its target; the sensor sees lamps too, so steps are small."""
    if isinstance(before, bool) or not isinstance(before, int | float) or before <= 0:
        return 100.0 if lux < limit.light_lx else limit.light_min_pct
    step = limit.light_step_pct if lux < 0.8 * limit.light_lx else -limit.light_step_pct if lux > 1.2 * limit.light_lx else 0.0
    return min(100.0, max(limit.light_min_pct, float(before) + step))


def held(pct: float, before: PlantValue, now: float, limit: Limits) -> float:
    """`pct`, or what was commanded while that is too young; from dark to light there is no waiting, to dark there is longer."""
    if isinstance(before.commanded, bool) or not isinstance(before.commanded, int | float):
        return pct
    if before.commanded <= 0 < pct:
        return pct
    hold_s = limit.light_hold_s if pct > 0 else limit.light_after_s
    return float(before.commanded) if now - before.commanded_at < hold_s else pct
