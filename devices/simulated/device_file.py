"""What stands in the `branch.yaml` of a simulated branch under `links`, `devices` and `cameras`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from devices.simulated.scenario import COOLED, COUNTERS, TERMINALS, WINDOWS, every
from devices.simulated.scene import FPS, LINE

Entry = Mapping[str, Any]
_MODBUS: Final = frozenset({"air", "windows"})


class Addresses(msgspec.Struct, frozen=True):
    """Where the wires of a branch end: `serial` by the name of the wire, the rest `host:port` and a URL."""

    serial: Mapping[str, str]
    plant: str
    music: str
    camera: str | None = None


MADE_UP: Final = Addresses(
    {wire: f"/dev/ttyUSB{number}" for number, wire in enumerate(("callers", "door", "air", "windows", "queue"))},
    plant="192.0.2.8:502",
    music="192.0.2.9:6600",
)
"""Where nothing is: for a branch without wires."""


def links(addresses: Addresses) -> dict[str, Entry]:
    """The lines that devices share."""
    found: dict[str, Entry] = {}
    for wire, address in addresses.serial.items():
        framing = {"framing": "modbus-rtu"} if wire in _MODBUS else {}
        found[f"{wire}-line"] = {"serial": address, "baud": 9600, **framing}
    return found | {"plant": {"tcp": addresses.plant, "framing": "modbus-tcp"}}


def cameras(addresses: Addresses) -> dict[str, Entry]:
    """The camera over the door, where there is one."""
    if addresses.camera is None:
        return {}
    lines = {"main": {"points": [list(point) for point in LINE], "door": "main"}}
    return {"door": {"url": addresses.camera, "view": "overhead", "rate_fps": FPS, "lines": lines}}


def devices(addresses: Addresses, speed: float) -> dict[str, Entry]:
    """All devices; those that are asked, and terminals, keep up with a day that runs at `speed`."""
    music = {"music": {"driver": "music", "link": {"tcp": addresses.music}, "zone": "hall"}}
    return {**_counters_and_door(), **_air(every(10.0, speed)), **_actuators(), **_sensors(), **_terminals(every(30.0, speed)), **music}


def _counters_and_door() -> dict[str, Entry]:
    bus = {int(counter): counter for counter in COUNTERS}
    return {
        "tickets": {"driver": "ticket_machine", "link": {"mqtt": "bank/tickets"}},
        "callers": {"driver": "counter_bus", "link": "callers-line", "counters": bus, "letters": True},
        "windows": {"driver": "window_display", "link": "windows-line", "counters": dict(WINDOWS)},
        "door-beam": {"driver": "beam_counter", "link": "door-line"},
        "hall-standing": {"driver": "queue_sensor", "link": "queue-line", "zone": "hall"},
    }


def _air(every_s: float) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for unit, zone in enumerate(COOLED):
        asked: Entry = {"driver": "modbus", "zone": zone, "every_s": every_s}
        found[f"{zone}-air"] = {**asked, "profile": "xy-md02", "link": "air-line", "address": 2 * unit + 1}
        found[f"{zone}-co2"] = {**asked, "profile": "senseair-s8", "link": "air-line", "address": 2 * unit + 2}
        found[f"{zone}-ac"] = {**asked, "profile": "generic-vrf", "link": "plant", "address": 1, "unit": unit}
    return found | {"meter": {"driver": "modbus", "profile": "sdm120", "link": "plant", "address": 7, "every_s": every_s}}


def _actuators() -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for zone in COOLED:
        for name, topic, quantity in (("fresh-air", "fan", "fresh_air_pct"), ("light", "light", "light_pct")):
            link = {"mqtt": f"zigbee2mqtt/{zone}-{topic}"}
            found[f"{zone}-{name}"] = {"driver": "mqtt_actuator", "link": link, "quantity": quantity, "zone": zone}
    return found


def _sensors() -> dict[str, Entry]:
    people = {f"{zone}-people": _sensor(f"sensors/{zone}-people", ["people"], zone) for zone in ("hall", "counters", "self-service")}
    overhead = {"driver": "people_counter", "link": {"mqtt": "people/door"}, "doors": {"main": "main"}, "occupancy": None}
    return {
        **people,
        "hall-queue": _sensor("sensors/hall-queue", ["waiting"], "hall"),
        "hall-lux": _sensor("sensors/hall-light", ["illuminance_lx"], "hall"),
        "weather": _sensor("weather/now", ["temperature_c", "relative_humidity_pct", "solar_w_m2"], None),
        "door-overhead": overhead,
    }


def _sensor(topic: str, quantities: list[str], zone: str | None) -> Entry:
    place = {"zone": zone} if zone else {}
    return {"driver": "mqtt_sensor", "link": {"mqtt": topic}, "quantities": quantities, **place}


def _terminals(beats_s: float) -> dict[str, Entry]:
    return {
        name: {"driver": "terminal", "link": {"mqtt": f"bank/{name}"}, "zone": "self-service", "heartbeat_s": beats_s} for name in TERMINALS
    }
