"""A small branch for the tests of this folder: two services, three counters, one door, a few devices."""

from __future__ import annotations

import itertools
from typing import Any
from zoneinfo import ZoneInfo

from devices.reading import Occurrence, Sample
from edge.branch.plan import Counter, Device, Door, Hours, Plan, Service, Span, TicketClass, Zone

SHANGHAI = ZoneInfo("Asia/Shanghai")
NINE = 1_795_482_000.0  # Tuesday 2026-11-24 09:00 in Shanghai
_IDENTITIES = itertools.count()


def plan(authority: str = "smartbranch", **changes: Any) -> Plan:
    """The branch, with what a test wants otherwise."""
    devices = [
        Device("tickets", "ticket_machine", {}, quantities=("call",)),
        Device("callers", "counter_bus", {}, links_to={"1": "1", "2": "2", "3": "3"}, quantities=("waiting", "ticket", "beep")),
        Device("door-beam", "beam_counter", {}),
        Device("lobby", "camera", {}, links_to={"hall": "hall"}),
        Device("door-camera", "camera", {}, links_to={"entrance": "main"}),
        Device("hall-queue", "queue_sensor", {}, zone="hall"),
        Device("hall-air", "modbus", {}, zone="hall", parent="gateway"),
        Device("hall-air-2", "modbus", {}, zone="hall"),
        Device("hall-ac", "modbus", {"en": "hall air conditioner"}, zone="hall", quantities=("mode", "setpoint_c"), parent="gateway"),
        Device("gateway", "modbus", {"en": "gateway", "zh-CN": "网关"}),
        Device("weather", "mqtt_sensor", {}),
        Device("vtm-01", "terminal", {}, zone="hall"),
    ]
    week = ((Span(9 * 3600, 17 * 3600),),) * 5 + ((), ())
    facts: dict[str, Any] = {
        "branch": "test",
        "name": {"en": "test"},
        "timezone": SHANGHAI,
        "language": "zh-CN",
        "hours": Hours(week),
        "zones": {zone: Zone(zone, {}) for zone in ("hall", "counters")},
        "authority": authority,
        "longest_wait_guard_s": 2400.0,
        "services": {"personal": Service("personal", {"zh-CN": "个人业务"}, "A"), "corporate": Service("corporate", {}, "B")},
        "classes": {
            "normal": TicketClass("normal", {}),
            "care": TicketClass("care", {}, 600.0),
            "vip": TicketClass("vip", {}, 480.0),
            "appointment": TicketClass("appointment", {}, 900.0),
        },
        "counters": {
            "1": Counter("1", ("personal",), "counters", first="care"),
            "2": Counter("2", ("personal", "corporate"), "counters"),
            "3": Counter("3", ("corporate",), "counters"),
        },
        "doors": {"main": Door("main", {}, "door-beam", ("door-camera",))},
        "devices": {device.id: device for device in devices},
    }
    return Plan(**(facts | changes))


def occurrence(kind: str, device: str, part: str = "", **data: Any) -> Occurrence:
    """Something that happened once, with an identity of its own."""
    return Occurrence(kind, part, {key.rstrip("_"): value for key, value in data.items()}, str(next(_IDENTITIES)), 0.4, device=device)


def press(counter: str, key: str) -> Occurrence:
    """A key pressed at a counter."""
    return occurrence("key.pressed", "callers", counter, key=key)


def issued(ticket: str, class_: str = "normal", **data: Any) -> Occurrence:
    """A ticket from the machine."""
    return occurrence("ticket.issued", "tickets", ticket=ticket, class_=class_, print="ok", **data)


def called(ticket: str, counter: str, action: str = "call") -> Occurrence:
    """What the machine says was done with a ticket."""
    return occurrence("ticket.called", "tickets", counter, ticket=ticket, counter=counter, action=action)


def sample(device: str, quantity: str, value: Any, part: str = "", **more: Any) -> Sample:
    """A measurement of a device."""
    return Sample(quantity, value, part=part, device=device, **more)
