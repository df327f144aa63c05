"""The ESC/POS printer on a real tty: what it prints, confirms, and says of its paper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from devices.simulated.printer import EscPosPrinter
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host, until

TICKET = b"\x1b\x40\x1d\x21\x11A012\n\x1d\x21\x00" + "个人业务\n".encode("gb18030") + b"\x1d\x56\x42\x00"
CONFIRM = b"\x1d\x28\x48\x06\x00\x30\x300042"
CONFIRMED = b"\x37\x220042\x00"
ASK_SENSOR = b"\x10\x04\x04"


@pytest.fixture
async def printer(wire: PtyWire) -> AsyncIterator[EscPosPrinter]:
    found = EscPosPrinter(wire, left=2, near_end=1)
    running = asyncio.create_task(found.run())
    yield found
    running.cancel()


async def test_prints_and_confirms_with_the_process_number(printer: EscPosPrinter, host: Host) -> None:
    wire = TICKET + CONFIRM
    for piece in range(0, len(wire), 5):
        host.say(wire[piece : piece + 5])
    assert await host.until(bool) == CONFIRMED
    assert printer.printed == ["A012\n个人业务"]


async def test_paper_near_its_end_and_at_it(printer: EscPosPrinter, host: Host) -> None:
    host.say(ASK_SENSOR + TICKET + ASK_SENSOR + TICKET + ASK_SENSOR)
    assert await host.until(lambda heard: len(heard) == 3) == bytes([0x12, 0x1E, 0x7E])
    host.say(TICKET + CONFIRM + ASK_SENSOR)
    assert await host.until(lambda heard: len(heard) == 4) == bytes([0x12, 0x1E, 0x7E, 0x7E])  # nothing is confirmed
    assert len(printer.printed) == 2
    printer.left = 100
    host.say(TICKET + CONFIRM)
    assert (await host.until(lambda heard: len(heard) > 4)).endswith(CONFIRMED)


async def test_one_that_cannot_confirm_says_nothing(wire: PtyWire, host: Host) -> None:
    printer = EscPosPrinter(wire, confirms=False)
    running = asyncio.create_task(printer.run())
    host.say(TICKET + CONFIRM + ASK_SENSOR)
    assert await host.until(bool) == b"\x12"
    running.cancel()


async def test_what_is_never_cut_is_not_kept(wire: PtyWire, printer: EscPosPrinter, host: Host) -> None:
    came: list[int] = []
    wire.listen(lambda received: came.append(len(received)))
    for number in range(1, 65):
        host.say(b"x" * 1024)
        await until(lambda number=number: sum(came) == 1024 * number)  # type: ignore[misc]  # bound at once
    assert len(printer._text) <= 4096
