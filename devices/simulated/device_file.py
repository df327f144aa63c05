"""What stands in the `branch.yaml` of a simulated branch under `links`, `devices` and `cameras`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.simulated.equipment import COOLED, WINDOWS, Equipment, every
from devices.simulated.scenario import COUNTERS, TERMINALS
from devices.simulated.scene import FPS, LINE

Entry = Mapping[str, Any]
_LINES = {"callers": "callers-line", "door": "door-line", "air": "air-line", "windows": "windows-line", "queue": "queue-line"}
_MODBUS = frozenset({"air", "windows"})
_SILENCES = 5  # missed reports after which a device is doubted


def links(equipment: Equipment) -> dict[str, Entry]:
    """The lines that devices share."""
    found: dict[str, Entry] = {}
    for wire, link in _LINES.items():
        framing = {"framing": "modbus-rtu"} if wire in _MODBUS else {}
        found[link] = {"serial": equipment.wires[wire].address, "baud": 9600, **framing}
    return found | {"plant": {"tcp": f"127.0.0.1:{equipment.plant.port}", "framing": "modbus-tcp"}}


def cameras(equipment: Equipment) -> dict[str, Entry]:
    """The camera over the door, where there is one."""
    if equipment.camera is None:
        return {}
    lines = {"main": {"points": [list(point) for point in LINE], "door": "main"}}
    return {"door": {"url": equipment.camera.url, "view": "overhead", "rate_fps": FPS, "lines": lines}}


def devices(equipment: Equipment, speed: float) -> dict[str, Entry]:
    """All devices; when the day runs faster than the wires their silence is measured in the day's time."""
    found = {**_counters_and_door(), **_air(speed), **_over_mqtt(speed)}
    found["music"] = {"driver": "music", "link": {"tcp": f"127.0.0.1:{equipment.music.port}"}, "zone": "hall"}, 10.0
    return {name: {**entry, **_patience(period_s, speed)} for name, (entry, period_s) in found.items()}


def _patience(period_s: float, speed: float) -> Entry:
    """How long a device that speaks each `period_s` (seconds of the machine) may be silent, in the day's seconds."""
    return {"stale_after_s": round(_SILENCES * max(period_s, 1.0) * speed)} if speed > 1 and period_s else {}


def _counters_and_door() -> dict[str, tuple[Entry, float]]:
    bus = {int(counter): counter for counter in COUNTERS}
    return {
        "tickets": ({"driver": "ticket_machine", "link": {"mqtt": "bank/tickets"}}, 600.0),
        "callers": ({"driver": "counter_bus", "link": "callers-line", "counters": bus, "letters": True}, 60.0),
        "windows": ({"driver": "window_display", "link": "windows-line", "counters": dict(WINDOWS)}, 60.0),
        "door-beam": ({"driver": "beam_counter", "link": "door-line"}, 10.0),
        "hall-standing": ({"driver": "queue_sensor", "link": "queue-line", "zone": "hall"}, 2.0),
    }


def _air(speed: float) -> dict[str, tuple[Entry, float]]:
    every_s = every(10.0, speed)
    found: dict[str, tuple[Entry, float]] = {}
    for unit, zone in enumerate(COOLED):
        asked: Entry = {"driver": "modbus", "zone": zone, "every_s": every_s}
        found[f"{zone}-air"] = {**asked, "profile": "xy-md02", "link": "air-line", "address": 2 * unit + 1}, every_s
        found[f"{zone}-co2"] = {**asked, "profile": "senseair-s8", "link": "air-line", "address": 2 * unit + 2}, every_s
        found[f"{zone}-ac"] = {**asked, "profile": "generic-vrf", "link": "plant", "address": 1, "unit": unit}, every_s
    found["meter"] = {"driver": "modbus", "profile": "sdm120", "link": "plant", "address": 7, "every_s": every_s}, every_s
    return found


def _over_mqtt(speed: float) -> dict[str, tuple[Entry, float]]:
    every_s, found = every(10.0, speed), dict[str, tuple[Entry, float]]()
    for zone in COOLED:
        for name, topic, quantity in (("fresh-air", "fan", "fresh_air_pct"), ("light", "light", "light_pct")):
            link = {"mqtt": f"zigbee2mqtt/{zone}-{topic}"}
            found[f"{zone}-{name}"] = {"driver": "mqtt_actuator", "link": link, "quantity": quantity, "zone": zone}, 0.0
    for zone in ("hall", "counters", "self-service"):
        found[f"{zone}-people"] = _sensor(f"sensors/{zone}-people", ["people"], zone), every_s
    found["hall-queue"] = _sensor("sensors/hall-queue", ["waiting"], "hall"), every_s
    found["hall-lux"] = _sensor("sensors/hall-light", ["illuminance_lx"], "hall"), every_s
    found["weather"] = _sensor("weather/now", ["temperature_c", "relative_humidity_pct", "solar_w_m2"], None), every_s
    overhead = {"driver": "people_counter", "link": {"mqtt": "people/door"}, "doors": {"main": "main"}, "occupancy": None}
    found["door-overhead"] = overhead, every_s
    for name in TERMINALS:
        beats_s = every(30.0, speed)
        terminal = {"driver": "terminal", "link": {"mqtt": f"bank/{name}"}, "zone": "self-service", "heartbeat_s": beats_s}
        found[name] = terminal, beats_s
    return found


def _sensor(topic: str, quantities: list[str], zone: str | None) -> Entry:
    place = {"zone": zone} if zone else {}
    return {"driver": "mqtt_sensor", "link": {"mqtt": topic}, "quantities": quantities, **place}
