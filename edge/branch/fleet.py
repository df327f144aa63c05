"""Fleet: the state of every device with a reason a person can act on; flapping is damped, a parent that is down hides its children."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from devices.reading import Quality, Sample, Text, Value
from edge.branch.course import Course
from edge.branch.plan import Device
from edge.branch.state import DeviceState
from edge.branch.words import named, text

STATES: Final = frozenset({"online", "stale", "faulty", "offline"})
_DOWN: Final = frozenset({"stale", "offline"})
_GRAIN_S: Final = 5.0  # `last_seen` is kept to this
_BACK_AFTER_S: Final = 3.0  # a measurement so long after its driver said offline shows that it is back
_CHILD_WAITS_S: Final = 10.0  # whether the parent is the cause is known by then
_FLAPPING: Final = 6  # changes within the window: three times away
_WINDOW_S: Final = 600.0
_CALM_S: Final = 300.0  # without a change, and it counts as steady again


def heard(course: Course, device: Device, sample: Sample) -> None:
    """The device said something; `state` is what its driver says of it."""
    known = course.state.fleet.devices.get(device.id, DeviceState())
    if sample.quantity == "state":
        _said(course, device, known, sample)
    elif known.reported != "online" or not known.measures or not _just_seen(known, course.now):
        _measured(course, device, known, sample)


def present(course: Course, device_id: str) -> None:
    """Something happened at the device, or it confirmed a command: it is there."""
    device = course.plan.devices.get(device_id)
    if device is None:
        return
    known = course.state.fleet.devices.get(device.id, DeviceState())
    if known.reported != "online" or not _just_seen(known, course.now):
        _back(course, device, replace(known, last_seen=course.now))


def _just_seen(known: DeviceState, now: float) -> bool:
    return known.last_seen is not None and 0 <= now - known.last_seen < _GRAIN_S


def _measured(course: Course, device: Device, known: DeviceState, sample: Sample) -> None:
    seen = replace(known, last_seen=course.now, measures=True)
    if sample.quality is Quality.MISSING:
        _keep(course, device.id, seen if known.reported == "online" else replace(known, measures=True))
    else:
        _back(course, device, seen)


def _back(course: Course, device: Device, seen: DeviceState) -> None:
    """What is heard is there; only `faulty` is ended by its driver alone, and `offline` not by what was on its way."""
    just_said = seen.reported == "offline" and 0 <= course.now - (seen.changes[-1] if seen.changes else 0.0) < _BACK_AFTER_S
    if seen.reported == "faulty" or just_said:
        _keep(course, device.id, seen)
    else:
        _report(course, device, seen, "online", None)


def _said(course: Course, device: Device, known: DeviceState, sample: Sample) -> None:
    state, reason = (str(sample.value) if sample.value in STATES else "unknown"), sample.reason
    if sample.part:
        others = {name: held for name, held in known.parts.items() if name != sample.part}
        known = replace(known, parts=others if state == "online" else {**others, sample.part: state})
    if sample.part and state != "online" and known.reported in _DOWN:
        state, reason = known.reported, known.reported_reason  # its line is away: that is what is wrong
    elif known.parts and (sample.part or state == "online"):
        state, reason = "faulty", reason if reason is not None and len(known.parts) == 1 else _not_answering(known)
    if state == "online" and not _just_seen(known, course.now):
        known = replace(known, last_seen=course.now)
    if (known.reported, known.reported_reason) == (state, reason):
        _keep(course, device.id, known)
    else:
        _report(course, device, known, state, reason)


def _not_answering(known: DeviceState) -> Text:
    """The device is faulty while one of several behind it (a bus address, a counter) is not online."""
    names = ", ".join(sorted(known.parts))
    return text(f"not answering: {names}; check their power and line", f"没有应答：{names}，请检查电源和线路")


def _report(course: Course, device: Device, known: DeviceState, state: str, reason: Text | None) -> None:
    """Keep what the device is by itself; a change from there to away or back counts for flapping."""
    changes = known.changes
    if known.reported not in (state, "unknown"):
        changes = (*(t for t in changes if 0 <= course.now - t < _WINDOW_S), course.now)[-2 * _FLAPPING :]
    _keep(course, device.id, replace(known, reported=state, reported_reason=reason, changes=changes))
    settle_one(course, device)


def settle_one(course: Course, device: Device) -> None:
    """Make `state` of what is reported, the parent and the flapping; tell it when it is another than was told."""
    known = course.state.fleet.devices.get(device.id, DeviceState())
    state, reason = _shown(course, device, known)
    if (state, reason) != (known.state, known.reason):
        since = known.since if state == known.state else course.now
        known = replace(known, state=state, reason=reason, since=since)
        _keep(course, device.id, known)
    waits = device.parent is not None and state in _DOWN and 0 <= course.now - known.since < _CHILD_WAITS_S
    if state in STATES and state != known.told and not waits:
        course.tell(f"device.{state}", {"device": device.id, "reason": reason})


def _shown(course: Course, device: Device, known: DeviceState) -> tuple[str, Text | None]:
    parent = _parent_down(course, device)
    if parent is not None and known.reported != "online":
        return "unknown", _behind(parent)
    if known.reported == "unknown":
        return (known.told, known.told_reason) if known.told in STATES else ("unknown", None)
    if _flaps(known, course.now):
        return "faulty", _unstable(known)
    return known.reported, known.reported_reason


def _flaps(known: DeviceState, now: float) -> bool:
    """It has come and gone too often, and has not been steady since."""
    return len(known.changes) >= _FLAPPING and now - known.changes[-1] < _CALM_S


def _unstable(known: DeviceState) -> Text:
    """Why an unstable device is called faulty, how often it changed, and what to do."""
    return text(
        f"unstable: it went or came back {len(known.changes)} times in ten minutes; check its power, plug and line",
        f"不稳定：十分钟内离线或恢复 {len(known.changes)} 次，请检查电源、插头和线路",
    )


def _parent_down(course: Course, device: Device) -> Device | None:
    """The first device upwards that is down; None when all are there. A circle of parents ends it."""
    passed, parent = {device.id}, course.plan.devices.get(device.parent or "")
    while parent is not None and parent.id not in passed:
        known = course.state.fleet.devices.get(parent.id)
        if known is not None and known.state in _DOWN:
            return parent
        passed.add(parent.id)
        parent = course.plan.devices.get(parent.parent or "")
    return None


def _behind(parent: Device) -> Text:
    en, zh = named(parent.name, "en") or parent.id, named(parent.name, "zh-CN") or parent.id
    return text(f"reached through {en}, which is away; see to that first", f"经由 {zh} 连接，而它已离线，请先处理它")


def settle(course: Course) -> None:
    """Once a second: silence, parents that went or came back, flapping that is over."""
    if course.state.fleet.watched_from is None:
        course.set_fleet(replace(course.state.fleet, watched_from=course.now))
    for device in course.plan.devices.values():
        known = course.state.fleet.devices.get(device.id, DeviceState())
        if known.state == "unknown" and known.reported != "unknown" and device.parent is not None and _parent_down(course, device) is None:
            _trusted(course, device, known)
        elif _silent(course, device, known):
            _report(course, device, known, "stale", _silence(device, known))
        elif known.state != known.told or known.changes or device.parent is not None:
            settle_one(course, device)


def _trusted(course: Course, device: Device, known: DeviceState) -> None:
    """The parent is back: what was said of the child while it was away proves nothing, and silence counts anew."""
    reported = "online" if known.reported == "online" else "unknown"
    _keep(course, device.id, replace(known, reported=reported, reported_reason=None, last_seen=course.now, changes=()))
    settle_one(course, device)


def _silent(course: Course, device: Device, known: DeviceState) -> bool:
    """Nothing heard for its time; a device that only listens is silent by nature once its driver said it is there."""
    if known.reported not in ("online", "unknown") or (known.reported == "online" and not known.measures):
        return False
    heard_at = max(known.last_seen or 0.0, course.state.fleet.watched_from or 0.0)
    return device.is_silent(heard_at, course.now)


def _silence(device: Device, known: DeviceState) -> Text:
    if known.last_seen is None:
        return text("never heard since the start; check its power, line and settings", "启动后从未收到数据，请检查电源、线路和配置")
    seconds = round(device.stale_after_s)
    return text(f"nothing heard for {seconds} s; check its power and line", f"超过 {seconds} 秒没有数据，请检查电源和线路")


def fact(course: Course, device: Device, name: str, value: Value) -> None:
    """Something worth knowing of the device itself: paper, battery, firmware."""
    known = course.state.fleet.devices.get(device.id, DeviceState())
    if name not in known.facts or known.facts[name] != value:
        _keep(course, device.id, replace(known, facts={**known.facts, name: value}))


def _keep(course: Course, device: str, known: DeviceState) -> None:
    fleet = course.state.fleet
    if fleet.devices.get(device) != known:
        course.set_fleet(replace(fleet, devices={**fleet.devices, device: known}))
