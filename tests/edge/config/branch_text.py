"""A branch's file with one of everything, as text, for the tests of the config to spoil."""

from __future__ import annotations

from pathlib import Path

from edge.config.load import Config, ConfigError, load

TEXT = """\
branch: {id: riverside, name: {zh-CN: 滨江支行, en: Riverside}, timezone: Asia/Shanghai, language: en}
hours:
  mon-fri: "08:30-12:00, 13:30-17:30"
  sat,sun: "10:00-15:00"
  closed_on: [2027-01-01]
mqtt: {url: "mqtt://127.0.0.1:1883", user: box}
zones:
  hall: {name: Hall, area_m2: 90, height_m: 3.4, fresh_air_max_l_s: 300}
  desk: {area_m2: 30}
queue: {authority: smartbranch, longest_wait_guard_min: 45}
services:
  cash: {name: {zh-CN: 现金, en: Cash}, prefix: C, target_wait_min: 8}
  loans: {prefix: L}
classes:
  care: {credit_min: 12}
counters:
  "1": {services: [cash], zone: desk, first: care}
  "2": {services: [loans, cash]}
doors:
  front: {source: beam, name: Front door}
links:
  bus: {serial: /dev/ttyUSB0, baud: 9600}
  plant: {tcp: "192.0.2.8:502", framing: modbus-tcp}
devices:
  keys:
    driver: counter_bus
    link: bus
    counters: {1: "1", 2: "2"}
  tickets: {driver: ticket_machine, link: {mqtt: desk/tickets}}
  beam: {driver: beam_counter, link: {serial: "socket://192.0.2.5:4001"}}
  air: {driver: modbus, profile: xy-md02, link: plant, address: 3, zone: hall}
  light: {driver: mqtt_actuator, link: {mqtt: zigbee2mqtt/light}, quantity: light_pct, zone: hall, parent: tickets}
  weather: {driver: mqtt_sensor, link: {mqtt: weather}, quantities: [temperature_c]}
cameras:
  eye: {url: "rtsp://192.0.2.9/main", lines: {sill: {points: [[0.1, 0.5], [0.9, 0.5]], door: front}}}
comfort: {co2_high_ppm: 900}
web: {listen: "127.0.0.1:8080"}
store: {folder: data, retention_days: 100}
headoffice: {url: "mqtts://hq.example:8883", password: "${HQ_PASSWORD}"}
"""


def told(folder: Path, text: str | bytes) -> list[str]:
    """The lines that `check` prints of a file; none when it is sound and lacks nothing."""
    file = folder / "branch.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        config: Config = load(file, {"HQ_PASSWORD": "s3cret"})
    except ConfigError as error:
        return str(error).splitlines()
    return [warning.told(file.name) for warning in config.warnings]


def spoilt(*changes: tuple[str, str]) -> str:
    """The text with each first of a pair, which stands there once, replaced by the second."""
    text = TEXT
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text
