"""Music: which list by the hour and the crowd, louder where many talk, off while closed."""

from __future__ import annotations

from collections.abc import Iterator

from devices.reading import Command, Text, Value
from edge.branch.plan import Device, Plan, Zone
from edge.branch.state import BranchState, PlantValue
from edge.forecast.wait import Forecast
from edge.rules import hours
from edge.rules.decision import Decision
from edge.rules.known import able, people, told, wish
from edge.rules.limits import Limits, limits
from edge.rules.said import said


def music(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:  # noqa: ARG001 - every rule has this face
    """Volume and list of every device that can play."""
    limit = limits(plan)
    players = {device.id: device for quantity in ("volume_pct", "playlist") for device in able(plan, quantity)}
    return Decision(commands=tuple(command for player in players.values() for command in _player(plan, state, player, now, limit)))


def _player(plan: Plan, state: BranchState, device: Device, now: float, limit: Limits) -> Iterator[Command]:
    zone, until = plan.zones.get(device.zone or ""), hours.until(plan, now, limit.command_s)
    if zone is None:
        return
    volume, playlist = told(state, device.id, "volume_pct"), told(state, device.id, "playlist")
    seen = people(state, zone.id)
    if not hours.is_open(plan, now):
        if "volume_pct" in device.quantities:
            yield wish(device, "volume_pct", 0.0, said("closed: silent", "非营业时间：静音"), until)
        return
    hour = hours.hour(plan, now)
    if "volume_pct" in device.quantities:
        wanted: Value = volume_pct(zone, seen, volume, limit)
        yield wish(device, "volume_pct", held(wanted, volume, now, limit), _why(seen, hour), until)
    if "playlist" in device.quantities:
        wanted = playlist_at(hour, zone, seen, playlist, limit)
        yield wish(device, "playlist", held(wanted, playlist, now, limit), _why(seen, hour), until)


def _why(seen: int | None, hour: float) -> Text:
    clock = f"{int(hour):02d}:{int(hour % 1 * 60):02d}"
    if seen is None:
        return said(f"{clock}, people not known", f"{clock}，人数未知")
    return said(f"{clock}, {seen} people", f"{clock}，{seen} 人")


def crowding(zone: Zone, seen: int | None, limit: Limits) -> float:
    """0 of nobody (or not known) to 1 of a crowd."""
    return 0.0 if not seen else min(1.0, seen * limit.crowd_m2_person / zone.area_m2)


def volume_pct(zone: Zone, seen: int | None, before: PlantValue, limit: Limits) -> float:
    """Between quiet and crowd, in steps of 5, kept while less than a step away."""
    wanted = limit.volume_quiet_pct + crowding(zone, seen, limit) * (limit.volume_crowd_pct - limit.volume_quiet_pct)
    was = before.commanded
    if isinstance(was, int | float) and not isinstance(was, bool) and was > 0 and abs(wanted - was) < 5.0:
        return float(was)
    return round(wanted / 5) * 5.0


def playlist_at(hour: float, zone: Zone, seen: int | None, before: PlantValue, limit: Limits) -> str:
    """`calm` in a crowd (until it is half gone), else by the hour: `morning`, `noon`, `afternoon`."""
    if crowding(zone, seen, limit) >= (0.5 if before.commanded == "calm" else 1.0):
        return "calm"
    return "morning" if hour < 11.5 else "noon" if hour < 14.0 else "afternoon"


def held(value: Value, before: PlantValue, now: float, limit: Limits) -> Value:
    """`value`, or what was commanded while that is too young; sound after silence comes at once."""
    if before.commanded in (None, 0) or now - before.commanded_at >= limit.volume_hold_s:
        return value
    return before.commanded
