"""Alerts: what a person should see to; each is raised at one mark and cleared at another, so that it does not flap."""

from __future__ import annotations

from collections.abc import Iterator

from devices.reading import Text
from edge.branch.plan import Plan, Zone
from edge.branch.state import BranchState, DeviceState, Ticket
from edge.forecast.wait import Forecast
from edge.rules import hours
from edge.rules.decision import Decision, Raised
from edge.rules.known import reading
from edge.rules.limits import Limits, limits
from edge.rules.said import alert_id, minutes, named, said

_DOWN = {"offline": said("offline", "离线"), "faulty": said("faulty", "故障")}


def alerts(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:  # noqa: ARG001 - every rule has this face
    """All that should stand now."""
    limit = limits(plan)
    return Decision(
        alerts=(
            *_waits(plan, state, now),
            *_guard(plan, state, now),
            *_devices(plan, state),
            *_paper(plan, state, limit),
            *_air(plan, state, now, limit),
            *_not_heard_again(plan, state),
        )
    )


def _not_heard_again(plan: Plan, state: BranchState) -> Iterator[Raised]:
    """Alerts of an earlier run whose reading has not come again since the start: not known is not over, so they stand."""
    for device in plan.devices.values():
        facts = state.fleet.devices.get(device.id, DeviceState()).facts
        if facts.keys().isdisjoint(("paper", "paper_pct")):
            yield from _as_it_stands(state, alert_id("paper", device.id))
    unheard = {device.zone for device in plan.devices.values() if state.fleet.devices.get(device.id, DeviceState()).last_seen is None}
    for zone in (zone.id for zone in plan.zones.values() if zone.id in unheard):
        for quantity, id_ in (("co2_ppm", alert_id("co2", zone)), ("temperature_c", alert_id("temperature", zone))):
            if quantity not in state.climate.readings.get(zone, {}):
                yield from _as_it_stands(state, id_)


def _as_it_stands(state: BranchState, id_: str) -> Iterator[Raised]:
    if standing := state.alerts.get(id_):
        yield Raised(id_, standing.severity, standing.text)


def over(standing: bool, value: float, raise_at: float, clear_below: float) -> bool:
    """Hysteresis: raised at `raise_at`, then kept until below `clear_below`."""
    return value >= (clear_below if standing else raise_at)


def longest_wait(state: BranchState, now: float, service: str | None = None) -> tuple[float, Ticket | None]:
    """Who waits longest (in a service), and how many seconds by now; people who seem to have gone do not count."""
    waiting = (t for t in state.queue.tickets.values() if t.state == "waiting" and not t.inferred_gone and service in (None, t.service))
    first = min(waiting, key=lambda t: t.queued_at or t.issued_at, default=None)
    return (0.0, None) if first is None else (now - (first.queued_at or first.issued_at), first)


def _waits(plan: Plan, state: BranchState, now: float) -> Iterator[Raised]:
    for service in plan.services.values():
        id_ = alert_id("wait", service.id)
        wait_s, ticket = longest_wait(state, now, service.id)
        if ticket is None or not over(id_ in state.alerts, wait_s, service.target_wait_s, 0.8 * service.target_wait_s):
            continue
        severity = "major" if wait_s >= 2 * service.target_wait_s else "minor"
        figures = minutes(wait_s), minutes(service.target_wait_s)
        yield Raised(
            id_,
            severity,
            said(
                f"{named(service.name, 'en', service.id)}: {ticket.name} has waited {figures[0]} min, the target is {figures[1]} min",
                f"{named(service.name, 'zh-CN', service.id)}：{ticket.name} 已等候 {figures[0]} 分钟，目标 {figures[1]} 分钟",
            ),
        )


def _guard(plan: Plan, state: BranchState, now: float) -> Iterator[Raised]:
    guard_s = plan.longest_wait_guard_s
    wait_s, ticket = longest_wait(state, now)
    if ticket is not None and guard_s > 0 and over("queue-guard" in state.alerts, wait_s, guard_s, 0.9 * guard_s):
        yield Raised(
            "queue-guard",
            "major",
            said(
                f"{ticket.name} has waited {minutes(wait_s)} min, longer than the guard of {minutes(guard_s)} min: call it next",
                f"{ticket.name} 已等候 {minutes(wait_s)} 分钟，超过上限 {minutes(guard_s)} 分钟：请优先叫号",
            ),
        )


def _devices(plan: Plan, state: BranchState) -> Iterator[Raised]:
    """Devices that are told to be down; a parent that is down stands for its children."""
    for device in plan.devices.values():
        known = state.fleet.devices.get(device.id, DeviceState())
        parent = state.fleet.devices.get(device.parent or "", DeviceState())
        if known.told not in _DOWN or parent.told in _DOWN:
            continue
        down, reason = _DOWN[known.told], known.reason or said("no reason was given", "原因未知")
        name_en, name_zh = named(device.name, "en", device.id), named(device.name, "zh-CN", device.id)
        yield Raised(
            alert_id("device", device.id),
            "major",
            said(
                f"{name_en} is {down['en']}: {named(reason, 'en', 'no reason was given')}",
                f"{name_zh} {down['zh-CN']}：{named(reason, 'zh-CN', '原因未知')}",
            ),
        )


def _paper(plan: Plan, state: BranchState, limit: Limits) -> Iterator[Raised]:
    for device in plan.devices.values():
        facts = state.fleet.devices.get(device.id, DeviceState()).facts
        id_, paper, pct = alert_id("paper", device.id), facts.get("paper"), facts.get("paper_pct")
        left = float(pct) if isinstance(pct, int | float) and not isinstance(pct, bool) else None
        low = left is not None and not over(id_ not in state.alerts, left, limit.paper_low_pct + 5.0, limit.paper_low_pct)
        if paper == "end" or left == 0.0:
            yield Raised(id_, "major", _about(device.name, device.id, said("paper has run out: put in a new roll", "纸已用尽：请更换纸卷")))
        elif paper == "near_end" or low:
            rest = ("", "") if left is None else (f" ({left:.0f} %)", f"（{left:.0f} %）")
            yield Raised(id_, "minor", _about(device.name, device.id, said(f"paper runs out soon{rest[0]}", f"纸即将用尽{rest[1]}")))


def _about(name: Text, id_: str, what: Text) -> Text:
    return said(f"{named(name, 'en', id_)}: {what['en']}", f"{named(name, 'zh-CN', id_)}：{what['zh-CN']}")


def _air(plan: Plan, state: BranchState, now: float, limit: Limits) -> Iterator[Raised]:
    for zone in plan.zones.values():
        co2_ppm = reading(state, zone.id, "co2_ppm", now, limit.reading_max_age_s)
        id_ = alert_id("co2", zone.id)
        if co2_ppm is not None and over(id_ in state.alerts, co2_ppm, limit.co2_alert_ppm, limit.co2_high_ppm):
            what = said(
                f"CO2 is {co2_ppm:.0f} ppm, the limit is {limit.co2_high_ppm:.0f} ppm: open doors or windows",
                f"二氧化碳 {co2_ppm:.0f} ppm，上限 {limit.co2_high_ppm:.0f} ppm：请开门窗通风",
            )
            yield Raised(id_, "minor", _about(zone.name, zone.id, what))
        if hours.is_open(plan, now):
            yield from _temperature(zone, state, now, limit)


def _temperature(zone: Zone, state: BranchState, now: float, limit: Limits) -> Iterator[Raised]:
    inside_c = reading(state, zone.id, "temperature_c", now, limit.reading_max_age_s)
    id_ = alert_id("temperature", zone.id)
    if inside_c is None:
        return
    beyond_k = max(inside_c - limit.occupied_cool_c, limit.occupied_heat_c - inside_c)
    if over(id_ in state.alerts, beyond_k, limit.comfort_alert_c, limit.comfort_alert_c - 1.0):
        band = f"{limit.occupied_heat_c:g}-{limit.occupied_cool_c:g} °C"
        yield Raised(
            id_, "minor", _about(zone.name, zone.id, said(f"{inside_c:.1f} °C, comfort is {band}", f"{inside_c:.1f} °C，舒适范围 {band}"))
        )
