"""Simulated wires: a real tty and a real port, that can be pulled out and come back under the same name."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from devices.simulated.wire import PtyWire, TcpWire
from tests.devices.simulated.host import Host, until


async def test_what_is_said_is_heard_both_ways(wire: PtyWire, host: Host) -> None:
    told = bytearray()
    wire.listen(told.extend)
    await wire.send(bytes(range(256)))
    assert await host.until(lambda heard: len(heard) == 256) == bytes(range(256))
    host.say(b"\x00\x03\x04\x11\x13\r\n\xff")
    await until(lambda: len(told) == 8)
    assert told == b"\x00\x03\x04\x11\x13\r\n\xff"  # nothing is eaten or changed on the way


async def test_bytes_take_the_time_of_the_baud_rate(tmp_path: Path) -> None:
    slow = PtyWire(tmp_path / "slow", 9600)
    await slow.plug()
    began = asyncio.get_running_loop().time()
    await slow.send(b"x" * 48)
    assert asyncio.get_running_loop().time() - began >= 0.05
    await slow.unplug()


async def test_two_that_speak_at_once_spoil_both(wire: PtyWire, host: Host) -> None:
    await asyncio.gather(wire.send(b"one frame"), wire.send(b"two frames"))
    heard = await host.until(lambda heard: len(heard) == 19)
    assert b"one" not in heard
    assert b"two" not in heard
    await wire.send(b"alone")
    assert (await host.until(lambda heard: len(heard) == 24)).endswith(b"alone")


async def test_unplugged_hangs_up_and_comes_back_under_its_name(wire: PtyWire, host: Host) -> None:
    path = Path(wire.address)
    await wire.unplug()
    await host.until(lambda _: host.pieces[-1:] == [b""])
    assert path.name not in os.listdir(path.parent)  # noqa: PTH208 (a test may look)
    await wire.send(b"nobody is there")
    await wire.unplug()
    await wire.plug()
    await wire.plug()
    again = Host(str(path))
    await wire.send(b"back")
    assert await again.until(bool) == b"back"
    again.close()


async def test_nobody_listening_stops_nothing(wire: PtyWire) -> None:
    for _ in range(40):
        await wire.send(b"x" * 400)  # more than a tty holds


async def test_a_serial_server_keeps_its_port() -> None:
    wire, told = TcpWire(115_200), bytearray()
    wire.listen(told.extend)
    await wire.plug()
    port = wire.port
    assert wire.address == f"socket://127.0.0.1:{port}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"host")
    await until(lambda: told == b"host")
    await wire.send(b"device")
    assert await reader.readexactly(6) == b"device"
    await wire.unplug()
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", port)
    await wire.plug()
    assert wire.port == port
    await wire.unplug()
