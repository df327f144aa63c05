"""Recorded lines: the drivers hear what was recorded, `feed` returns when they have dealt with it, and nothing is sent anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymodbus.framer import FramerRTU

from devices.links.modbus import ModbusLine, RefusedError
from devices.links.mqtt import MqttLink
from devices.links.recorded import RecordedLines
from devices.links.serial import SerialLink

LINE = SerialLink.Settings(serial="/dev/ttyUSB0")


@pytest.fixture
async def recorded() -> AsyncIterator[RecordedLines]:
    async with RecordedLines() as recorded:
        yield recorded


async def test_every_driver_on_the_line_has_dealt_with_it(recorded: RecordedLines, told: Any) -> None:
    done: list[tuple[str, bytes]] = []

    async def driver(device: str) -> None:
        async with recorded.open(LINE, device, told) as link:
            async for chunk in link:
                for _ in range(5):
                    await asyncio.sleep(0)  # as a commit takes some turns
                await link.write(b"answer to " + chunk)
                done.append((device, chunk))

    driving = [asyncio.create_task(driver(device)) for device in ("a", "b")]
    await recorded.held("a")
    await recorded.held("b")
    assert await recorded.feed(LINE.wire(), None, b"1")
    assert sorted(done) == [("a", b"1"), ("b", b"1")]
    assert await recorded.feed("a", None, b"2")
    assert sorted(done)[1] == ("a", b"2")
    assert recorded.written == [(LINE.wire(), None, b"answer to 1")] * 2 + [(LINE.wire(), None, b"answer to 2")] * 2
    assert told.states == []
    for task in driving:
        task.cancel()


async def test_topics(recorded: RecordedLines, told: Any) -> None:
    done: list[bytes] = []

    async def driver() -> None:
        async with recorded.open(MqttLink.Settings(mqtt="bank/tickets"), "tickets", told) as link:
            await link.subscribe("bank/tickets/ticket")
            async for message in link:
                await asyncio.sleep(0)
                link.acknowledge(message)
                await link.publish("bank/tickets/ack", message.payload)
                done.append(message.payload)

    driving = asyncio.create_task(driver())
    await recorded.held("tickets")
    assert await recorded.feed("mqtt", "bank/tickets/ticket", b"1")
    assert await recorded.feed("tickets", "bank/tickets/ticket", b"2")
    assert not await recorded.feed("tickets", "another/topic", b"3")
    assert done == [b"1", b"2"]
    assert recorded.written == [("mqtt", "bank/tickets/ack", b"1"), ("mqtt", "bank/tickets/ack", b"2")]
    driving.cancel()


@pytest.mark.parametrize(
    ("settings", "answers"),
    [
        (ModbusLine.Settings(serial="/dev/ttyUSB1"), ["FE 04 02 01 90 AC D8", "FE 04 02 01 90 AC D8"]),
        (ModbusLine.Settings(tcp="192.0.2.8:502"), ["07 70 00 00 00 05 FE 04 02 01 90", "07 71 00 00 00 05 FE 04 02 01 90"]),
    ],
)
async def test_answers_of_modbus_units_wait_to_be_asked_for(
    recorded: RecordedLines, told: Any, settings: ModbusLine.Settings, answers: list[str]
) -> None:
    found: list[list[int]] = []
    driven = asyncio.Event()

    async def driver() -> None:
        async with recorded.open(settings, "co2", told) as line:
            for _ in answers:
                await asyncio.sleep(0.005)  # it asks now and then
                found.append(await line.read(0xFE, 4, 3, 1))
            driven.set()

    driving = asyncio.create_task(driver())
    await recorded.held(settings.wire())
    for answer in answers:
        assert await recorded.feed(settings.wire(), None, bytes.fromhex(answer))
    await driven.wait()
    assert found == [[400], [400]]
    await driving


async def test_what_nobody_holds(recorded: RecordedLines, told: Any) -> None:
    assert not await recorded.feed("serial /dev/ttyUSB9", None, b"1")


async def test_each_unit_gets_its_own_answer_whatever_the_order(recorded: RecordedLines, told: Any) -> None:
    settings = ModbusLine.Settings(serial="/dev/ttyUSB1")
    async with recorded.open(settings, "a", told) as line:
        await recorded.held("a")
        for body in ("01 83 02", "02 03 02 00 07", "ff", "01 03 02 00 2A"):
            frame = bytes.fromhex(body)
            assert await recorded.feed("a", None, frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big"))
        assert await line.read(2, 3, 0, 1) == [7]
        with pytest.raises(RefusedError):
            await line.read(1, 3, 0, 1)
        assert await line.read(1, 3, 0, 1) == [42]


async def test_a_driver_that_ends_holds_nothing_up(recorded: RecordedLines, told: Any) -> None:
    async with recorded.open(LINE, "a", told):
        await recorded.held("a")
        feeding = asyncio.create_task(recorded.feed("a", None, b"never read"))
        await asyncio.sleep(0)
    assert await feeding
