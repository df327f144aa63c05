"""Lines: closes whatever hangs, keeps other people's errors as they are, and tells a tap what came in."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from devices.driver import DriverError
from devices.links.lines import Lines
from devices.links.mqtt import MqttLink
from devices.links.serial import SerialLink
from devices.links.tcp import TcpLink


async def test_closes_though_the_broker_hangs(mosquitto: Any, told: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, lines.open(MqttLink.Settings(mqtt="a"), "a", told) as link:
        owner: Any = link._owner
        while owner._connection is None:  # noqa: ASYNC110 # nobody tells that it has connected
            await asyncio.sleep(0)
        os.kill(mosquitto.pid, signal.SIGSTOP)
        async with asyncio.timeout(5):
            publishing = asyncio.create_task(link.publish("a", b"b"))
            await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.wait({publishing})
    os.kill(mosquitto.pid, signal.SIGCONT)


async def test_an_error_inside_stays_what_it_was(adapter: Any, told: Any) -> None:
    with pytest.raises(DriverError, match="mine"):
        async with Lines() as lines, lines.open(SerialLink.Settings(serial=str(adapter.path)), "a", told):
            raise DriverError("mine")


async def test_cancelled_from_outside(adapter: Any, told: Any) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with Lines() as lines, lines.open(SerialLink.Settings(serial=str(adapter.path)), "a", told):
            entered.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await entered.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_device_is_online_when_all_its_wires_are_back(lines: Lines, adapter: Any, told: Any, free_port: Any) -> None:
    port = free_port()
    adapter.unplug()
    serial = SerialLink.Settings(serial=str(adapter.path))
    async with lines.open(serial, "a", told), lines.open(TcpLink.Settings(tcp=f"127.0.0.1:{port}"), "a", told):
        await told.until(2)
        adapter.plug()
        await told.until(3)
        assert told.reason.startswith(f"127.0.0.1:{port} refuses")  # the one that is still away
        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", port)
        async with server:
            await told.until(4)
            for writer in writers:
                writer.transport.abort()
            assert told.states == ["offline"] * 3 + ["online"]


async def test_the_tap_hears_a_line(lines: Lines, adapter: Any, told: Any) -> None:
    heard: list[Any] = []
    stop = lines.tap(lambda *what: heard.append(what))
    settings = SerialLink.Settings(serial=str(adapter.path))
    async with lines.open(settings, "a", told) as link, lines.open(settings, "b", told):
        await adapter.opened(link)
        adapter.say(b"x")
        assert await anext(aiter(link)) == b"x"
        stop()
        adapter.say(b"y")
        assert await anext(aiter(link)) == b"y"
    (wire, topic, received, t, devices) = heard[0]
    assert (wire, topic, received, devices) == (settings.wire(), None, b"x", ["a", "b"])
    assert t > 1_700_000_000
    assert len(heard) == 1
