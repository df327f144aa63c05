"""Comfort: setpoints by opening hours, cooling or heating by the zone's temperature and the weather, few writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from devices.reading import Command, Text
from edge.branch.plan import Device, Plan, Zone
from edge.branch.state import BranchState, PlantValue
from edge.forecast.wait import Forecast
from edge.rules import hours
from edge.rules.decision import Decision
from edge.rules.known import OUTSIDE, able, by_hand, current, reading, told, wish
from edge.rules.limits import Limits, limits
from edge.rules.said import said

_AIR_KJ_M3_K: Final = 1.2 * 1.005
_FURNISHED: Final = 5.0  # a room with its furniture and inner walls stores about so many times what its air does
_NET: Final = 0.6  # part of the unit's capacity that is left for the change, the rest meets the losses
_QUANTITIES: Final = ("mode", "setpoint_c", "fan_pct")


class Air(msgspec.Struct, frozen=True):
    """What is known of a zone's air and of the weather, in degC."""

    inside_c: float | None
    outside_c: float | None


class Band(msgspec.Struct, frozen=True):
    """Between which temperatures a zone may be, and what for."""

    cool_c: float
    heat_c: float
    occupied: bool
    why: Text


def comfort(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:  # noqa: ARG001 - every rule has this face
    """Modes and setpoints of every unit that serves a zone."""
    limit = limits(plan)
    return Decision(commands=tuple(command for device in _units(plan) for command in _unit(plan, state, device, now, limit)))


def left_alone(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    """What a unit is told before nobody tells it anything any more: as if nothing were known of the zone."""
    zone = plan.zones.get(device.zone or "")
    if zone is None or held_by_hand(state, device, now):
        return
    air = Air(None, reading(state, OUTSIDE, "temperature_c", now, limit.reading_max_age_s))
    mode, setpoint_c, why = _blind(air, band_of(plan, zone, air, now, limit), limit)
    why, until = said(f"the controller stops; {why['en']}", f"控制程序停止；{why['zh-CN']}"), now + limit.command_s
    if "mode" in device.quantities:
        yield wish(device, "mode", mode, why, until)
    if "setpoint_c" in device.quantities and setpoint_c is not None:
        yield wish(device, "setpoint_c", _clamped(setpoint_c, limit), why, until)


def _units(plan: Plan) -> list[Device]:
    units = {device.id: device for quantity in ("mode", "setpoint_c") for device in able(plan, quantity)}
    return [device for device in plan.devices.values() if device.id in units]


def held_by_hand(state: BranchState, device: Device, now: float) -> bool:
    """Whether a person has set anything of the unit: then all of it is left alone, or the setting would mean nothing."""
    return any(by_hand(told(state, device.id, quantity), now) for quantity in _QUANTITIES)


def _unit(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    zone = plan.zones.get(device.zone or "")
    if zone is None or held_by_hand(state, device, now):
        return
    air = Air(
        reading(state, zone.id, "temperature_c", now, limit.reading_max_age_s),
        reading(state, OUTSIDE, "temperature_c", now, limit.reading_max_age_s),
    )
    band, until = band_of(plan, zone, air, now, limit), hours.until(plan, now, limit.command_s)
    told_mode, told_setpoint = told(state, device.id, "mode"), told(state, device.id, "setpoint_c")
    mode, setpoint_c, why = _wished(air, band, current(told_mode), limit)
    mode = held_mode(mode, told_mode, now, limit)
    if "mode" in device.quantities:
        yield wish(device, "mode", mode, why, until)
    if "setpoint_c" in device.quantities and setpoint_c is not None and mode != "off" and may_write(told_setpoint, now, limit):
        yield wish(device, "setpoint_c", _clamped(setpoint_c, limit), why, until)


def band_of(plan: Plan, zone: Zone, air: Air, now: float, limit: Limits) -> Band:
    """The band of a zone: occupied while open, over a short break and from the lead before opening on; else empty."""
    opens_in_s = hours.opens_in_s(plan, now)
    if opens_in_s == 0.0:
        return Band(limit.occupied_cool_c, limit.occupied_heat_c, occupied=True, why=said("open", "营业中"))
    if hours.in_short_break(plan, now, limit.short_break_s):
        return Band(limit.occupied_cool_c, limit.occupied_heat_c, occupied=True, why=said("short break", "短暂午休"))
    if opens_in_s is not None and opens_in_s <= lead_s(zone, air, limit):
        ahead = round(opens_in_s / 60)
        return Band(limit.occupied_cool_c, limit.occupied_heat_c, occupied=True, why=said(f"opens in {ahead} min", f"{ahead} 分钟后开门"))
    return Band(limit.empty_cool_c, limit.empty_heat_c, occupied=False, why=said("closed", "非营业时间"))


def lead_s(zone: Zone, air: Air, limit: Limits) -> float:
    """How long before opening a zone has to be started, from the gap to close and the unit's capacity.

    A room's heat capacity is taken as `_FURNISHED` times that of its air; without a capacity in kW, 2 K an hour.
    """
    if air.inside_c is None:
        return limit.lead_min_s
    hot_k, cold_k = air.inside_c - limit.occupied_cool_c, limit.occupied_heat_c - air.inside_c
    capacity_kw = zone.cooling_kw if hot_k > 0 else zone.heating_kw
    stored_kj_k = zone.area_m2 * zone.height_m * _AIR_KJ_M3_K * _FURNISHED
    rate_k_s = capacity_kw * _NET / stored_kj_k if capacity_kw else 2 / 3600
    return min(limit.lead_max_s, max(limit.lead_min_s, max(hot_k, cold_k) / rate_k_s))


def _wished(air: Air, band: Band, now_mode: object, limit: Limits) -> tuple[str, float | None, Text]:
    """Mode, setpoint in degC (None: of no matter) and why."""
    return _blind(air, band, limit) if air.inside_c is None else _seeing(air.inside_c, air, band, now_mode, limit)


def _seeing(inside_c: float, air: Air, band: Band, now_mode: object, limit: Limits) -> tuple[str, float | None, Text]:
    mode = wanted_mode(inside_c, air.outside_c, band, now_mode, limit)
    act = {
        "cool": said(f"cool to {band.cool_c:g} °C", f"制冷至 {band.cool_c:g} °C"),
        "heat": said(f"heat to {band.heat_c:g} °C", f"制热至 {band.heat_c:g} °C"),
        "fan": said("within limits, fan only", "温度适宜，仅送风"),
        "off": said("off", "关机"),
    }[mode]
    outside = said("not known", "未知") if air.outside_c is None else said(f"{air.outside_c:.1f} °C", f" {air.outside_c:.1f} °C")
    why = said(
        f"{inside_c:.1f} °C inside, outside {outside['en']}, {band.why['en']}: {act['en']}",
        f"室内 {inside_c:.1f} °C，室外{outside['zh-CN']}，{band.why['zh-CN']}：{act['zh-CN']}",
    )
    return mode, {"cool": band.cool_c, "heat": band.heat_c}.get(mode), why


def wanted_mode(inside_c: float, outside_c: float | None, band: Band, now_mode: object, limit: Limits) -> str:
    """Cool above the band, heat below it; once begun, on until well inside the band (the unit's own thermostat does the fine work)."""
    half, keep = limit.deadband_c / 2, 2 * limit.deadband_c
    may_cool = outside_c is None or outside_c >= limit.cooling_outside_min_c
    may_heat = outside_c is None or outside_c <= limit.heating_outside_max_c
    if may_cool and (inside_c >= band.cool_c + half or (now_mode == "cool" and inside_c > band.cool_c - keep)):
        return "cool"
    if may_heat and (inside_c <= band.heat_c - half or (now_mode == "heat" and inside_c < band.heat_c + keep)):
        return "heat"
    return "fan" if band.occupied else "off"


def _blind(air: Air, band: Band, limit: Limits) -> tuple[str, float | None, Text]:
    """Without the zone's temperature nothing is guessed: the unit runs by its own thermostat, or just above frost, or is off."""
    en, zh = f"temperature of the zone is not known, {band.why['en']}", f"区域温度未知，{band.why['zh-CN']}"
    if band.occupied:
        middle_c = (band.cool_c + band.heat_c) / 2
        act = said(f"the unit keeps {middle_c:g} °C by its own sensor", f"由机组按自带传感器保持 {middle_c:g} °C")
        return "auto", middle_c, said(f"{en}: {act['en']}", f"{zh}：{act['zh-CN']}")
    if air.outside_c is not None and air.outside_c > limit.cooling_outside_min_c:
        return "off", None, said(f"{en}, outside {air.outside_c:.1f} °C: off", f"{zh}，室外 {air.outside_c:.1f} °C：关机")
    act = said(f"frost is possible: the unit keeps {band.heat_c:g} °C", f"可能结冰：机组保持 {band.heat_c:g} °C")
    return "heat", band.heat_c, said(f"{en}, {act['en']}", f"{zh}，{act['zh-CN']}")


def held_mode(mode: str, before: PlantValue, now: float, limit: Limits) -> str:
    """`mode`, or the one commanded while that is too young to be changed again."""
    if isinstance(before.commanded, str) and now - before.commanded_at < limit.mode_hold_s:
        return before.commanded
    return mode


def may_write(before: PlantValue, now: float, limit: Limits) -> bool:
    """Whether the hour has a write left: a unit's memory bears few, and one that did not take counts too."""
    return sum(1 for t in before.writes if now - t < 3600.0) < limit.setpoint_writes_per_h


def _clamped(setpoint_c: float, limit: Limits) -> float:
    return min(limit.setpoint_max_c, max(limit.setpoint_min_c, setpoint_c))
