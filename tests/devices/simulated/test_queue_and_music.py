"""The queue sensor's lines on a real tty, and the music player as a client of MPD sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from devices.simulated.music_player import MusicPlayer
from devices.simulated.queue_line import QueueSensor
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host


async def test_the_queue_is_told_at_once_and_blindness_too(wire: PtyWire, host: Host) -> None:
    seen: list[tuple[int, float]] = [(7, 95.2)]
    sensor = QueueSensor(wire, "hall", lambda: seen[0], every_s=3600)
    running = asyncio.create_task(sensor.run())
    await host.until(lambda heard: heard == b"$QUEUE,hall,7,95*4F\r\n")
    seen[0] = (8, 97.0)
    await host.until(lambda heard: heard.count(b"$QUEUE,hall,8,97*") == 1)
    sensor.blind = True
    assert (await host.until(lambda heard: heard.count(b"\n") == 3)).endswith(b"$QUEUE,hall,,*74\r\n")
    running.cancel()


Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OBEYED: list[object] = []


@pytest.fixture
async def player() -> AsyncIterator[MusicPlayer]:
    OBEYED.clear()
    found = MusicPlayer(lambda *said: OBEYED.append(said))
    await found.plug()
    yield found
    await found.unplug()


async def said(talk: Talk, line: str) -> list[str]:
    """The answer to `line`, up to its OK or ACK."""
    reader, writer = talk
    writer.write(line.encode() + b"\n")
    lines = list[str]()
    while not lines or not lines[-1].startswith(("OK", "ACK")):
        lines.append((await reader.readline()).decode().strip())
    return lines


async def test_volume_playlists_and_refusals(player: MusicPlayer) -> None:
    talk = await asyncio.open_connection("127.0.0.1", player.port)
    assert (await talk[0].readline()).startswith(b"OK MPD ")
    assert await said(talk, "setvol 25") == ["OK"]
    assert "volume: 25" in await said(talk, "status")
    assert await said(talk, "command_list_begin\nclear\nload calm\nplay\ncommand_list_end") == ["OK"]
    assert {"state: play", "lastloadedplaylist: calm"} <= set(await said(talk, "status"))
    assert await said(talk, 'load "heavy metal"') == ["ACK [50@0] {load} No such playlist"]
    assert await said(talk, "setvol 300") == ["ACK [2@0] {setvol} Integer expected"]
    assert await said(talk, 'sing "') == ['ACK [5@0] {sing "} unknown command "sing ""']
    assert "playlist: calm" in await said(talk, "listplaylists")
    assert OBEYED == [("volume_pct", 25.0), ("playlist", "calm")]
    talk[1].close()


async def test_idle_is_told_of_a_change_and_can_be_left(player: MusicPlayer) -> None:
    idle, other = [await asyncio.open_connection("127.0.0.1", player.port) for _ in range(2)]
    for reader, _ in (idle, other):
        await reader.readline()
    idle[1].write(b"idle mixer\n")
    await said(other, "setvol 11")
    assert player.volume_pct == 11
    assert await said(idle, "noidle") in (["changed: mixer", "changed: player", "OK"], ["OK"])
    for _, writer in (idle, other):
        writer.close()


async def test_unplugged_it_hangs_up_and_keeps_its_port(player: MusicPlayer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", player.port)
    await reader.readline()
    port = player.port
    await player.unplug()
    assert await reader.read() == b""
    await player.plug()
    assert player.port == port
    writer.close()
