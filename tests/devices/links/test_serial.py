"""Serial link: a real pty that comes and goes, shared by several devices; a serial server over TCP by the same code."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
import serial
from pydantic import ValidationError

from devices.driver import DriverError, LinkDownError
from devices.links.lines import Lines
from devices.links.serial import SerialLink


def settings(adapter: Any, **more: Any) -> SerialLink.Settings:
    return SerialLink.Settings(serial=str(adapter.path), **more)


async def read(link: SerialLink, count: int) -> bytes:
    """The next `count` bytes."""
    received = b""
    while len(received) < count:
        received += await anext(aiter(link))
    return received


async def test_bytes_go_both_ways(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter), "door", told) as link:
        await adapter.opened(link)
        adapter.say(b"hello")
        assert await read(link, 5) == b"hello"
        assert told.states == []


async def test_each_device_on_the_line_reads_all_of_it(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter), "a", told) as first, lines.open(settings(adapter), "b", told) as second:
        await adapter.opened(first)
        adapter.say(b"both")
        assert [await read(first, 4), await read(second, 4)] == [b"both", b"both"]


async def test_writes_of_several_devices_do_not_mix(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter), "a", told) as first, lines.open(settings(adapter), "b", told) as second:
        await adapter.opened(first, b"!")
        long = 30_000  # far more than a tty takes at once
        await asyncio.gather(first.write(b"a" * long), second.write(b"b" * long))
        await adapter.until(b"b" * long)
        assert adapter.received == b"!" + b"a" * long + b"b" * long


async def test_the_tty_is_this_processs_alone(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter), "door", told) as link:
        await adapter.opened(link)
        with pytest.raises(serial.SerialException, match="exclusively lock"):
            serial.Serial(str(adapter.path), exclusive=True)
        async with Lines() as others, others.open(settings(adapter), "other", told):
            await told.until(1)
            assert told.reason == f"line {adapter.path}: another program has it open; stop that one"


async def test_unplugged_and_plugged_in_again(lines: Lines, adapter: Any, told: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "devices")
    async with lines.open(settings(adapter), "door", told) as link:
        await adapter.opened(link)
        adapter.unplug()
        await told.until(1)
        with pytest.raises(LinkDownError, match="ttyUSB0"):
            await link.write(b"lost")
        adapter.plug()
        await told.until(2)
        adapter.say(b"again")
        assert await read(link, 5) == b"again"
        assert told.states == ["offline", "online"]
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "is away" in said[0]
    assert "is back" in said[1]


async def test_unplugged_just_before_a_write(lines: Lines, adapter: Any, told: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with lines.open(settings(adapter), "door", told) as link:
        await adapter.opened(link)
        adapter.unplug()
        with pytest.raises(LinkDownError):
            await link.write(b"lost")
        await told.until(1)
        assert "is the adapter plugged in?" in told.reason
    assert [record.name for record in caplog.records] == ["devices.links.wire"]


async def test_an_adapter_that_is_not_there_is_told_once(lines: Lines, adapter: Any, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter.unplug()
    attempts = asyncio.Semaphore(0)
    loop, real = asyncio.get_running_loop(), serial.Serial

    def counted(*args: Any, **more: Any) -> serial.Serial:
        loop.call_soon_threadsafe(attempts.release)
        return real(*args, **more)

    monkeypatch.setattr(serial, "Serial", counted)
    counted.close = real.close  # type: ignore[attr-defined]
    async with lines.open(settings(adapter), "door", told):
        for _ in range(4):
            await attempts.acquire()
        assert told.states == ["offline"]
        assert told.reason == f"line {adapter.path}: no such device; is the adapter plugged in?"
        assert set(told.samples[0].reason) == {"en", "zh-CN"}


async def test_who_comes_while_it_is_away_is_told_too(lines: Lines, adapter: Any, told: Any) -> None:
    adapter.unplug()
    later = type(told)()
    async with lines.open(settings(adapter), "a", told):
        await told.until(1)
        async with lines.open(settings(adapter), "b", later):
            assert later.states == ["offline"]
            adapter.plug()
            await told.until(2)
            assert (told.states, later.states) == (["offline", "online"],) * 2


async def test_a_device_that_reopens_after_the_line_is_back_is_told(lines: Lines, adapter: Any, told: Any) -> None:
    adapter.unplug()
    other = type(told)()
    async with lines.open(settings(adapter), "other", other):
        async with lines.open(settings(adapter), "door", told):
            await told.until(1)
        adapter.plug()
        await other.until(2)
        async with lines.open(settings(adapter), "door", told):
            assert told.states == ["offline", "online"]


async def test_two_baud_rates_on_one_line_name_both(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter, baud=9600), "callers", told):
        with pytest.raises(DriverError, match=r"ttyUSB0: display wants baud 19200, but callers has it with baud 9600"):
            async with lines.open(settings(adapter, baud=19200), "display", told):
                pass


async def test_closed_after_the_last_and_opened_again(lines: Lines, adapter: Any, told: Any) -> None:
    for baud in (9600, 19200, 9600):
        async with lines.open(settings(adapter, baud=baud), "door", told) as link:
            await adapter.opened(link, str(baud).encode())
    assert told.states == []  # the next one waited until the one before had closed and unlocked it


async def test_an_open_that_hangs_blocks_nothing(adapter: Any, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, released, closed = threading.Event(), threading.Event(), threading.Event()

    class Hanging:
        def __init__(self, *args: Any, **more: Any) -> None:
            begun.set()
            released.wait()

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(serial, "Serial", Hanging)
    async with asyncio.timeout(5), Lines() as lines, lines.open(settings(adapter), "door", told):
        assert await asyncio.to_thread(begun.wait, 5)
    released.set()
    assert await asyncio.to_thread(closed.wait, 5)  # what came of it too late is closed


async def test_a_flood_neither_grows_nor_starves(lines: Lines, adapter: Any, told: Any) -> None:
    async with lines.open(settings(adapter), "slow", told) as slow, lines.open(settings(adapter), "fast", told) as fast:
        await adapter.opened(fast)
        sent = received = 0
        while slow.lost == 0:
            sent += adapter.say(bytes(512))
            while received < sent:
                received += len(await anext(aiter(fast)))
        assert fast.lost == 0
        first = await anext(aiter(slow))
        assert 0 < len(first) <= 1024


async def test_cancelled_while_waiting_for_bytes(adapter: Any, told: Any) -> None:
    async with Lines() as lines:

        async def driver() -> None:
            async with lines.open(settings(adapter), "door", told) as link:
                async for _ in link:
                    pass

        driving = asyncio.create_task(driver())
        await asyncio.sleep(0)
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving


async def test_a_serial_server_is_the_same(lines: Lines, told: Any) -> None:
    served: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda reader, writer: served.put_nowait((reader, writer)), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, lines.open(SerialLink.Settings(serial=f"socket://127.0.0.1:{port}"), "door", told) as link:
        reader, writer = await served.get()
        writer.write(b"frame")
        assert await read(link, 5) == b"frame"
        await link.write(b"answer")
        assert await reader.readexactly(6) == b"answer"
        writer.close()


@pytest.mark.parametrize("wrong", ["ttyUSB0", "socket://nowhere", "socket://host:0", "socket://:4001", "socket://host:99999"])
def test_what_is_no_line_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="serial"):
        SerialLink.Settings(serial=wrong)


@pytest.mark.parametrize("wrong", [{"baud": 0}, {"parity": "mark"}, {"stop_bits": 3}, {"bits": 8}])
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SerialLink.Settings(serial="/dev/ttyUSB0", **wrong)


def test_a_serial_server_and_its_address_are_one_wire() -> None:
    assert SerialLink.Settings(serial="socket://192.0.2.5:4001").wire() == "tcp 192.0.2.5:4001"
    assert SerialLink.Settings(serial="/dev/ttyUSB0").wire() == "serial /dev/ttyUSB0"
