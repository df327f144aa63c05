"""Fresh air: by CO2 and by people, never below the hygienic minimum while open, less while the air outside is bad."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from devices.reading import Command, Text
from edge.branch.plan import Device, Plan, Zone
from edge.branch.state import BranchState
from edge.forecast.wait import Forecast
from edge.rules import hours
from edge.rules.decision import Decision
from edge.rules.known import OUTSIDE, able, people, reading, told, wish
from edge.rules.limits import Limits, limits
from edge.rules.said import said


class Need(msgspec.Struct, frozen=True):
    """How much air, in per cent of the zone's most, and why."""

    pct: float
    why: Text


def fresh_air(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:  # noqa: ARG001 - every rule has this face
    """The air of every device that can give `fresh_air_pct`."""
    limit = limits(plan)
    return Decision(
        commands=tuple(command for device in able(plan, "fresh_air_pct") for command in _device(plan, state, device, now, limit))
    )


def _device(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    zone = plan.zones.get(device.zone or "")
    if zone is None:
        return
    co2_ppm = reading(state, zone.id, "co2_ppm", now, limit.reading_max_age_s)
    need = _limited(_need(plan, zone, co2_ppm, people(state, zone.id), now, limit), _outside(state, now, limit), co2_ppm, limit)
    pct = stepped(need.pct, told(state, device.id, "fresh_air_pct").commanded, limit.fresh_air_step_pct)
    yield wish(device, "fresh_air_pct", pct, need.why, hours.until(plan, now, limit.command_s))


def _need(plan: Plan, zone: Zone, co2_ppm: float | None, seen: int | None, now: float, limit: Limits) -> Need:
    opens_in_s = hours.opens_in_s(plan, now)
    awake = opens_in_s is not None and (opens_in_s <= limit.fresh_air_purge_s or hours.in_short_break(plan, now, limit.short_break_s))
    if not awake and not seen:
        return Need(0.0, said("closed and nobody is seen: off", "非营业时间且无人：关闭"))
    least = minimum_pct(zone, limit)
    wanted = max(least, by_people_pct(zone, seen, limit) or 0.0, by_co2_pct(co2_ppm, limit) or 0.0)
    return Need(min(100.0, wanted), _why(co2_ppm, seen, least))


def _why(co2_ppm: float | None, seen: int | None, least_pct: float) -> Text:
    if co2_ppm is None and seen is None:
        return said(
            f"neither CO2 nor people are known: the hygienic minimum of {least_pct:.0f} %",
            f"二氧化碳与人数均未知：按卫生最低新风量 {least_pct:.0f} %",
        )
    co2_en, co2_zh = ("CO2 not known", "二氧化碳未知") if co2_ppm is None else (f"CO2 {co2_ppm:.0f} ppm", f"二氧化碳 {co2_ppm:.0f} ppm")
    seen_en, seen_zh = ("people not known", "人数未知") if seen is None else (f"{seen} people", f"{seen} 人")
    return said(f"{co2_en}, {seen_en}, minimum {least_pct:.0f} %", f"{co2_zh}，{seen_zh}，最低 {least_pct:.0f} %")


def minimum_pct(zone: Zone, limit: Limits) -> float:
    """The hygienic minimum by area, or the fixed one where the zone's design air flow is not known."""
    if not zone.fresh_air_max_l_s:
        return limit.fresh_air_min_pct
    return min(100.0, 100.0 * zone.area_m2 * limit.fresh_air_l_s_m2 / zone.fresh_air_max_l_s)


def by_people_pct(zone: Zone, seen: int | None, limit: Limits) -> float | None:
    """Litres a second for those who are there, beside what the area needs; None when either is not known."""
    if seen is None or not zone.fresh_air_max_l_s:
        return None
    return minimum_pct(zone, limit) + 100.0 * seen * limit.fresh_air_l_s_person / zone.fresh_air_max_l_s


def by_co2_pct(co2_ppm: float | None, limit: Limits) -> float | None:
    """Nothing at the low mark, all at the high one, a line between."""
    if co2_ppm is None:
        return None
    return min(100.0, max(0.0, 100.0 * (co2_ppm - limit.co2_low_ppm) / (limit.co2_high_ppm - limit.co2_low_ppm)))


def _outside(state: BranchState, now: float, limit: Limits) -> Text | None:
    """What is bad outside, or None."""
    pm25 = reading(state, OUTSIDE, "pm25_ug_m3", now, limit.reading_max_age_s)
    temperature_c = reading(state, OUTSIDE, "temperature_c", now, limit.reading_max_age_s)
    if pm25 is not None and pm25 > limit.outside_pm25_max_ug_m3:
        return said(f"PM2.5 outside {pm25:.0f} µg/m³", f"室外 PM2.5 {pm25:.0f} µg/m³")
    if temperature_c is not None and not limit.outside_cold_c <= temperature_c <= limit.outside_hot_c:
        return said(f"outside {temperature_c:.1f} °C", f"室外 {temperature_c:.1f} °C")
    return None


def _limited(need: Need, bad: Text | None, co2_ppm: float | None, limit: Limits) -> Need:
    """Less air while outside is bad, unless CO2 is high or not known (then the people come first)."""
    if bad is None or need.pct <= limit.outside_bad_pct or co2_ppm is None or co2_ppm >= limit.co2_high_ppm:
        return need
    pct = limit.outside_bad_pct
    return Need(pct, said(f"{need.why['en']}; {bad['en']}: at most {pct:.0f} %", f"{need.why['zh-CN']}；{bad['zh-CN']}：至多 {pct:.0f} %"))


def stepped(pct: float, before: object, step_pct: float) -> float:
    """`pct` in whole steps, and as it was before while less than a step and a half away, so that it does not hunt.

    Off and full are always reached.
    """
    rounded = min(100.0, max(0.0, round(pct / step_pct) * step_pct))
    if isinstance(before, bool) or not isinstance(before, int | float) or rounded in (0.0, 100.0):
        return rounded
    return float(before) if abs(pct - before) < 1.5 * step_pct and before > 0 else rounded
