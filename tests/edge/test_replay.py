"""Replay: recorded bytes of every kind of device become events, the same each time; a recording that is none is named by its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.capture import CaptureLine
from edge.config.load import Config, load
from edge.replay import ReplayError, recording, replay

T = 1_795_483_865.0  # 2026-11-24 09:31:05 in Shanghai
BRANCH = """
branch: {id: replayed}
zones: {hall: {}}
services: {personal: {prefix: A}}
counters: {"3": {services: [personal]}}
doors: {main: {source: beam}, side: {source: overhead}}
devices:
  serial-tickets: {driver: ticket_machine, link: {serial: /dev/tickets}}
  tickets: {driver: ticket_machine, link: {mqtt: bank/tickets}}
  keys: {driver: counter_bus, link: {serial: /dev/keys}, counters: {3: "3"}}
  beam: {driver: beam_counter, link: {serial: /dev/beam}}
  queue: {driver: queue_sensor, link: {serial: /dev/queue}, zone: hall}
  air: {driver: modbus, profile: xy-md02, link: {serial: /dev/air}, address: 1, zone: hall}
  co2: {driver: mqtt_sensor, link: {mqtt: sensors/co2}, quantities: [co2_ppm], zone: hall}
  lamp: {driver: mqtt_actuator, link: {mqtt: zigbee2mqtt/lamp}, quantity: light_pct, zone: hall}
  overhead: {driver: people_counter, link: {mqtt: overhead}}
  vtm: {driver: terminal, link: {mqtt: bank/vtm}}
"""
SAID: list[tuple[float, str, str | None, str]] = [
    (0.0, "serial-tickets", None, "020B0101000202054100 0C01008B3003"),
    (0.5, "tickets", "bank/tickets/ticket", '{"ticket":"A013","service":"personal","class":"normal","print":"ok","seq":131}'),
    (1.0, "keys", None, "FF6803036803110317 16"),
    (1.5, "queue", None, "$QUEUE,hall,7,95*4F\r\n"),
    (2.0, "co2", "sensors/co2", '{"co2_ppm": 812}'),
    (2.2, "lamp", "zigbee2mqtt/lamp", '{"state":"ON","brightness":127}'),
    (2.4, "overhead", "overhead", '{"line":"side","in":412,"out":398,"occupancy":14}'),
    (2.6, "vtm", "bank/vtm/heartbeat", '{"terminal":"vtm","kind":"vtm","state":"in_service","faults":[],"seq":1}'),
    (2.8, "vtm", "bank/vtm/fault", '{"terminal":"vtm","kind":"vtm","state":"in_service","faults":["CARD_JAM"],"seq":2}'),
    (0.3, "air", None, "010404 00E6 01C2"),
    (4.0, "overhead", "overhead", '{"line":"side","in":415,"out":398,"occupancy":17}'),
]


def crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


def beam(sequence: int, in_: int, total: int) -> bytes:
    counts = b"".join(number.to_bytes(2, "big") for number in (3600, in_, 0))
    return b"\x02\x06beam0001\x00" + counts + b"\x01" + total.to_bytes(2, "big") + bytes(2) + bytes([sequence])


def said(t: float, link: str, topic: str | None, what: str) -> CaptureLine:
    if topic or what.startswith("$"):
        return CaptureLine.of(link, topic, what.encode(), T + t)
    wire = bytes.fromhex(what)
    return CaptureLine.of(link, topic, wire + crc(wire) if link == "air" else wire, T + t)


def lines() -> list[CaptureLine]:
    frames = [CaptureLine.of("beam", None, beam(n, 2 if n == 3 else 0, 102 if n >= 3 else 100), T + 4 + n / 10) for n in range(1, 5)]
    return sorted([*(said(*one) for one in SAID), *frames], key=lambda line: line.t)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file = tmp_path_factory.mktemp("replay") / "branch.yaml"
    file.write_text(BRANCH, encoding="utf-8")
    return load(file)


def events(config: Config, captured: list[CaptureLine]) -> list[tuple[str, Any]]:
    return [(event["type"], event["data"]) for event in map(msgspec.json.decode, replay(config, captured))]


def test_every_kind_of_device_is_heard(config: Config) -> None:
    made = events(config, lines())
    assert {data["device"] for type_, data in made if type_ == "device.online"} == set(config.settings)
    assert [data["ticket"] for type_, data in made if type_ == "ticket.issued"] == ["A012", "A013"]
    assert [(data["counter"], data["rating"]) for type_, data in made if type_ == "rating.given"] == [("3", 3)]
    assert sorted((data["door"], data["people"]) for type_, data in made if type_ == "door.crossed") == [("main", 2), ("side", 3)]
    assert [data["faults"] for type_, data in made if type_ == "terminal.fault"] == [["CARD_JAM"]]


def test_a_recording_gives_the_same_events_each_time(config: Config) -> None:
    assert replay(config, lines()) == replay(config, list(reversed(lines())))


@given(st.lists(st.tuples(st.sampled_from(lines()), st.binary(max_size=40)), max_size=20))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_recorded_can_be_replayed(config: Config, changed: list[tuple[CaptureLine, bytes]]) -> None:
    noise = [CaptureLine.of(line.link, line.topic, received, line.t) for line, received in changed]
    assert replay(config, [*lines(), *noise])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"t":1,"link":"x","bytes":"00"', "Input data was truncated"),
        ('{"t":1,"link":"x","bytes":"zz"}', "non-hexadecimal"),
        ('{"t":"now","link":"x","bytes":"00"}', "Expected `float`"),
        ('{"t":1,"bytes":"00"}', "missing required field `link`"),
        ("[]", "Expected `object`"),
        ("\udcff", "malformed"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str, what: str) -> None:
    file = tmp_path / "capture.jsonl"
    good = msgspec.json.encode(lines()[0]) + b"\n\n"
    file.write_bytes(good + line.encode("utf-8", "surrogateescape"))
    with pytest.raises(ReplayError, match=rf"^capture\.jsonl:3: .*{what}.*; a line is "):
        list(recording(file))


@pytest.mark.parametrize(
    ("times", "what"), [([], "holds no lines"), ([T, T * 10], "at most 31 days"), ([1e300], "unix seconds"), ([-1.0], "unix")]
)
def test_what_is_no_recording_of_one_branch_is_refused(config: Config, times: list[float], what: str) -> None:
    with pytest.raises(ReplayError, match=what):
        replay(config, [CaptureLine(t, "tickets", "00") for t in times])
