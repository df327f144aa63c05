"""Simulated Modbus slaves: the documented bytes on a real tty, the same registers over TCP, writes that move the plant."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient

from devices.simulated.building import Air, Plant
from devices.simulated.frames import crc16
from devices.simulated.modbus_server import RtuLine, TcpSlaves, answer, rtu, rtu_requests
from devices.simulated.slaves import GenericVrf, Sdm120, SenseairS8, WindowDisplay, XyMd02
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host

AIR = Air(temperature_c=25.4, co2_ppm=400.0, relative_humidity_pct=51.2)


def vrf() -> tuple[GenericVrf, list[Plant], list[object]]:
    plants, told = [Plant(), Plant()], list[object]()
    return GenericVrf(plants, [lambda: AIR, lambda: AIR], lambda *said: told.append(said)), plants, told


async def test_the_documented_requests_on_a_line(wire: PtyWire, host: Host) -> None:
    RtuLine(wire, {1: XyMd02(lambda: AIR), 0xFE: SenseairS8(lambda: AIR)})
    host.say(bytes.fromhex("01 04 00 01 00 02 20 0B"))
    assert await host.until(lambda heard: len(heard) >= 9) == rtu(1, b"\x04\x04" + struct.pack(">hH", 254, 512))
    host.say(bytes.fromhex("FE 04 00 03 00 01 D5 C5"))
    assert (await host.until(lambda heard: len(heard) >= 16))[9:] == bytes.fromhex("FE 04 02 01 90 AC D8")


async def test_window_displays_show_what_is_written(wire: PtyWire, host: Host) -> None:
    shown: list[str] = []
    RtuLine(wire, {1: WindowDisplay(shown.append)})
    number = bytes.fromhex("01 06 00 00 00 2A 08 15")
    host.say(number)
    assert await host.until(lambda heard: len(heard) >= 8) == number
    host.say(bytes.fromhex("01 10 00 70 00 03 06 20 41 30 31 32 20 95 B3"))
    assert (await host.until(lambda heard: len(heard) >= 16))[8:] == rtu(1, bytes.fromhex("10 00 70 00 03"))
    assert shown == ["42", "A012"]


async def test_absent_and_silent_slaves_say_nothing(wire: PtyWire, host: Host) -> None:
    line = RtuLine(wire, {1: XyMd02(lambda: AIR), 2: XyMd02(lambda: AIR)})
    line.absent.add(1)
    host.say(rtu(1, bytes.fromhex("04 00 01 00 01")) + rtu(9, bytes.fromhex("04 00 01 00 01")) + rtu(2, bytes.fromhex("04 00 01 00 01")))
    assert (await host.until(lambda heard: len(heard) >= 7))[0] == 2
    assert len(host.heard) == 7


def test_cold_is_a_negative_number() -> None:
    cold = XyMd02(lambda: Air(temperature_c=-10.1))
    assert answer(cold, bytes.fromhex("04 00 01 00 01")) == bytes.fromhex("04 02 FF 9B")


def test_the_meter_speaks_floats() -> None:
    meter = Sdm120(lambda: 2300.0, lambda: 12.5)
    assert struct.unpack(">f", answer(meter, bytes.fromhex("04 00 0C 00 02"))[2:]) == (2300.0,)
    assert struct.unpack(">f", answer(meter, bytes.fromhex("04 00 06 00 02"))[2:]) == (10.0,)
    assert struct.unpack(">f", answer(meter, bytes.fromhex("04 01 56 00 02"))[2:]) == (12.5,)


@pytest.mark.parametrize(
    ("register", "word", "taken"),
    [(32, 0, ("on", False)), (33, 1, ("mode", "heat")), (34, 255, ("setpoint_c", 25.5)), (35, 80, ("fan_pct", 80.0))],
)
def test_writes_move_the_plant_of_their_unit(register: int, word: int, taken: tuple[str, object]) -> None:
    slave, (first, second), told = vrf()
    request = struct.pack(">BHH", 6, register, word)
    assert answer(slave, request) == request
    assert told == [(1, *taken)]
    assert getattr(second, taken[0]) == taken[1]
    assert first == Plant()
    assert answer(slave, struct.pack(">BHH", 3, register, 1)) == struct.pack(">BBH", 3, 2, word)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("06 00 01 00 09", 3),
        ("06 00 02 00 10", 3),
        ("06 00 04 00 01", 3),
        ("03 00 64 00 01", 2),
        ("03 00 00 00 00", 3),
        ("2B 0E 01 00", 1),
        ("03", 3),
    ],
)
def test_what_it_has_not_is_refused(request_: str, code: int) -> None:
    wire = bytes.fromhex(request_)
    assert answer(vrf()[0], wire) == bytes([wire[0] | 0x80, code])


async def test_a_real_client_reads_and_writes_over_tcp() -> None:
    slave, plants, _ = vrf()
    slaves = TcpSlaves({1: slave})
    await slaves.plug()
    client = AsyncModbusTcpClient("127.0.0.1", port=slaves.port, retries=0, timeout=5)
    assert await client.connect()
    assert (await client.read_holding_registers(0, count=6, device_id=1)).registers == [1, 4, 250, 60, 254, 0]
    await client.write_register(2, 235, device_id=1)
    await client.write_registers(1, [0, 240], device_id=1)
    assert (plants[0].mode, plants[0].setpoint_c) == ("cool", 24.0)
    assert (await client.read_holding_registers(200, count=1, device_id=1)).exception_code == 2
    client.close()
    await slaves.unplug()


async def test_what_is_not_modbus_is_hung_up_on() -> None:
    slaves = TcpSlaves({1: vrf()[0]})
    await slaves.plug()
    reader, writer = await asyncio.open_connection("127.0.0.1", slaves.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await slaves.unplug()


@given(st.binary(max_size=600))
def test_no_bytes_break_a_slave_or_pile_up(received: bytes) -> None:
    buffer = bytearray(received)
    slave = vrf()[0]
    for _, pdu in rtu_requests(buffer):
        answer(slave, pdu)
    assert len(buffer) < 260


@given(st.binary(min_size=1, max_size=60))
def test_no_request_breaks_a_slave(pdu: bytes) -> None:
    display = WindowDisplay(lambda _text: None)
    for slave in (vrf()[0], display):
        told = answer(slave, pdu)
        assert told[0] & 0x7F == pdu[0] & 0x7F


def test_the_check_is_sent_low_byte_first() -> None:
    frame = rtu(1, b"\x06\x00\x00\x00\x2a")
    assert frame == bytes.fromhex("01 06 00 00 00 2A 08 15")
    assert crc16(frame) == 0
