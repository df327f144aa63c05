"""Frames of the simulated devices: the documented bytes, and nothing out of noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulated.frames import KEYS, BusFrame, beam_frame, bus_frames, crc16, places, queue_line
from devices.simulated.machine_frames import (
    ACKNOWLEDGEMENT,
    CALL,
    CLOCK,
    CLOCK_REQUEST,
    HEARTBEAT,
    ISSUED,
    KEY,
    STATUS,
    MachineFrame,
    issued,
    machine_frames,
)


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (BusFrame(3, 1, KEYS["next"]), "FF 68 03 03 68 03 01 0C 10 16"),
        (BusFrame(3, 1, KEYS["no_show"]), "FF 68 04 04 68 03 01 06 0F 19 16"),
        (BusFrame(3, 0x11, b"\x03"), "FF 68 03 03 68 03 11 03 17 16"),
        (BusFrame(3, 3), "FF 68 02 02 68 03 03 06 16"),
        (BusFrame(3, 0), "FF 68 02 02 68 03 00 03 16"),
    ],
)
def test_bus_frames_are_the_documented_bytes(frame: BusFrame, wire: str) -> None:
    assert frame.encode() == bytes.fromhex(wire)
    assert list(bus_frames(bytearray(bytes.fromhex(wire)))) == [frame]


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (MachineFrame(0x11, 1, KEY, KEYS["next"]), "02 07 01 11 00 01 01 01 0C 43 C5 03"),
        (MachineFrame(1, 2, ISSUED, issued("A", 12, "care", 0)), "02 0B 01 01 00 02 02 05 41 00 0C 01 00 8B 30 03"),
        (MachineFrame(1, 3, STATUS, b"\1\0\0"), "02 09 01 01 00 03 03 03 01 00 00 79 C3 03"),
        (MachineFrame(1, 4, CLOCK_REQUEST), "02 06 01 01 00 04 04 00 02 10 03"),
        (MachineFrame(1, 5, HEARTBEAT, (3600).to_bytes(4, "big")), "02 0A 01 01 00 05 05 04 00 00 0E 10 DA 50 03"),
        (MachineFrame(0, 2, ACKNOWLEDGEMENT), "02 06 01 00 00 02 06 00 DE B1 03"),
        (MachineFrame(0, 4, CLOCK, bytes.fromhex("6B 04 E8 D9")), "02 0A 01 00 00 04 07 04 6B 04 E8 D9 11 31 03"),
        (MachineFrame(0, 6, CALL, bytes.fromhex("03 41 00 0C 01")), "02 0B 01 00 00 06 08 05 03 41 00 0C 01 18 66 03"),
    ],
)
def test_machine_frames_are_the_documented_bytes(frame: MachineFrame, wire: str) -> None:
    assert frame.encode() == bytes.fromhex(wire)
    assert list(machine_frames(bytearray(b"\x02\x03" + bytes.fromhex(wire)))) == [frame]


def test_a_beam_frame_is_the_documented_one() -> None:
    wire = beam_frame("10017046", battery_mv=3300, moved=(3, 1), totals=(300, 200), sequence=7)
    assert wire == bytes.fromhex("0206 3130303137303436 00 0ce4 0003 0001 01 012c 00c8 07")


def test_queue_lines_are_the_documented_ones() -> None:
    assert queue_line("hall", 7, 95) == b"$QUEUE,hall,7,95*4F\r\n"
    assert queue_line("hall", None, None) == b"$QUEUE,hall,,*74\r\n"


def test_the_crc_is_modbus() -> None:
    assert crc16(b"123456789") == 0x4B37


def test_six_places_as_text() -> None:
    assert places(bytes.fromhex("00 01 07 0A 0A 0A")) == "017   "
    assert places(bytes.fromhex("0A 0A 41 00 04 02")) == "  A042"


@given(st.binary(max_size=2048), st.integers(1, 40))
def test_no_bytes_break_the_readers_or_pile_up(received: bytes, piece: int) -> None:
    bus, machine = bytearray(), bytearray()
    for start in range(0, len(received), piece):
        bus.extend(received[start : start + piece])
        machine.extend(received[start : start + piece])
        list(bus_frames(bus))
        list(machine_frames(machine))
    assert len(bus) < 32 + 7
    assert len(machine) < 255 + 5
