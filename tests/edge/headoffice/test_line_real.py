"""The line for real: stores, Mosquitto, head office as a process; killed at any moment, every event is there once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import pytest

from devices.links.broker import Broker
from edge.clock import MachineClock
from edge.event import Event, Lane
from edge.store.store import Store
from edge.uplink.envelope import Command
from edge.uplink.sender import Sender
from tests.conftest import Mosquitto

ZONE = ZoneInfo("Asia/Shanghai")


async def until(condition: Callable[[], object]) -> None:
    """Return when it holds; the test's time limit ends what never does."""
    while not condition():  # noqa: ASYNC110 (what is waited for is on a disk or in another process)
        await asyncio.sleep(0.01)


class HeadOfficeProcess:
    """`smartbranch headoffice` in a folder of its own."""

    def __init__(self, folder: Path, broker: Mosquitto, page: int) -> None:
        self.folder, self.page = folder, f"http://127.0.0.1:{page}"
        self._file = folder / "hq.yaml"
        self._file.write_text(f'mqtt: {{url: "{broker.url}"}}\nweb: {{listen: "127.0.0.1:{page}"}}\n', encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "edge.cli", "headoffice", str(self._file)], stdout=log, stderr=log)

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(5)

    def numbers(self) -> list[int]:
        """What the edge put into each event that is there."""
        with contextlib.closing(sqlite3.connect(self.folder / "headoffice.db")) as reader:
            return sorted(number for (number,) in reader.execute("SELECT json_extract(data, '$.number') FROM event"))

    def get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(self.page + path, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError) as error:
            return error.read().decode() if isinstance(error, urllib.error.HTTPError) else str(error)


@pytest.fixture
def headoffice(tmp_path: Path, mosquitto: Mosquitto, free_port: Callable[[], int]) -> AsyncIterator[HeadOfficeProcess]:
    (tmp_path / "hq").mkdir()
    office = HeadOfficeProcess(tmp_path / "hq", mosquitto, free_port())
    office.start()
    yield office
    with contextlib.suppress(ProcessLookupError):
        office.end(signal.SIGKILL)


class Edge:
    """A store and its sender; the sender can be ended and begun, the store closed and opened."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self._folder, self._broker = folder, broker
        self.epochs: list[str] = []
        self.commands: list[Command] = []

    async def start(self) -> None:
        self.store = Store(self._folder, MachineClock(), ZONE, lambda _: None)
        await self.store.open()
        self.sender = Sender(
            self.store.outbox, [Broker.of(self._broker.url)], "nanjing-road", new_epoch=self._new_epoch, commanded=self._commanded
        )
        self._running = asyncio.create_task(self.sender.run())

    async def stop(self) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        await self.store.close()

    async def keep(self, *numbers: int) -> None:
        kinds = ("ticket.issued", "climate.sampled", "device.offline")
        await self.store.keep([Event(kinds[number % 3], self.store._clock.now(), {"number": number}) for number in numbers])

    async def acknowledged(self) -> None:
        await until(lambda: not self.store.outbox.backlog())

    async def _new_epoch(self, reason: str, again: Mapping[Lane, int]) -> None:
        self.epochs.append(reason)
        await self.store.outbox.begin_epoch(again)

    async def _commanded(self, command: Command) -> None:
        self.commands.append(command)


@pytest.fixture
async def edge(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[Edge]:
    made = Edge(tmp_path / "edge", mosquitto)
    await made.start()
    yield made
    await made.stop()


async def test_every_event_is_there_once_whoever_is_killed(edge: Edge, headoffice: HeadOfficeProcess, mosquitto: Mosquitto) -> None:
    chance, numbers = random.Random(1), iter(range(1_000_000))
    kept: list[int] = []
    for blow in range(8):
        for _ in range(40):
            some = [next(numbers) for _ in range(chance.randint(1, 60))]
            await edge.keep(*some)
            kept += some
        if blow % 4 == 3:
            mosquitto.kill()
            mosquitto.start()
        elif blow % 4 == 2:
            await edge.stop()
            await edge.start()
        else:
            headoffice.end(signal.SIGKILL)
            headoffice.start()
    await edge.acknowledged()
    assert headoffice.numbers() == kept
    assert edge.epochs == []
    assert headoffice.end(signal.SIGTERM) == 0


async def test_a_database_restored_from_a_backup_gets_what_it_lacks(edge: Edge, headoffice: HeadOfficeProcess) -> None:
    await edge.keep(*range(100))
    await edge.acknowledged()
    headoffice.end(signal.SIGTERM)
    backup = (headoffice.folder / "headoffice.db").read_bytes()
    headoffice.start()
    await edge.keep(*range(100, 300))
    await edge.acknowledged()
    headoffice.end(signal.SIGTERM)
    (headoffice.folder / "headoffice.db").write_bytes(backup)
    assert headoffice.numbers() == list(range(100))
    headoffice.start()
    await edge.keep(*range(300, 303))  # any answer of the new generation makes every lane ask
    await until(lambda: headoffice.numbers() == list(range(303)))


async def test_a_store_restored_from_a_backup_begins_an_epoch(edge: Edge, headoffice: HeadOfficeProcess) -> None:
    await edge.keep(*range(30))
    await edge.acknowledged()
    await edge.stop()
    backup = (edge._folder / "branch.db").read_bytes()
    await edge.start()
    await edge.keep(*range(30, 90))
    await edge.acknowledged()
    await edge.stop()
    (edge._folder / "branch.db").write_bytes(backup)
    await edge.start()
    await edge.keep(*range(1000, 1100))
    await until(lambda: headoffice.numbers() == [*range(90), *range(1000, 1100)])
    await edge.acknowledged()
    assert len(edge.epochs) == 1


async def test_a_copy_that_runs_beside_its_original_is_found_by_its_numbers(
    edge: Edge, headoffice: HeadOfficeProcess, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    await edge.keep(*range(30))
    await edge.acknowledged()
    await edge.stop()
    await asyncio.to_thread(shutil.copytree, edge._folder, tmp_path / "copy")  # on the same machine: only the numbers tell
    copy = Edge(tmp_path / "copy", mosquitto)
    await copy.start()
    await copy.keep(*range(100, 150))
    await copy.acknowledged()
    await edge.start()
    await edge.keep(*range(200, 260))
    await edge.acknowledged()
    await copy.keep(*range(150, 160))
    await copy.acknowledged()
    try:
        assert headoffice.numbers() == [*range(30), *range(100, 160), *range(200, 260)]
        assert edge.epochs
    finally:
        await copy.stop()


async def test_rubbish_on_the_line_is_set_aside_and_all_else_goes_on(
    edge: Edge, headoffice: HeadOfficeProcess, mosquitto: Mosquitto
) -> None:
    await edge.keep(0)
    await edge.acknowledged()
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        for rubbish in (b"", b"\xff" * 100, b"[" * 100_000, b'{"v":9}', b"x" * 300_000, b"\x28\xb5\x2f\xfd\x00"):
            await client.publish("headoffice/v1/nanjing-road/events", rubbish, qos=1)
            await client.publish("headoffice/v1/' OR 1=1 --/events", rubbish, qos=1)
    await edge.keep(*range(1, 50))
    await edge.acknowledged()
    (branch,) = json.loads(await asyncio.to_thread(headoffice.get, "/api/branches"))["branches"]
    assert (branch["events"], branch["refused"], branch["listed"]) == (50, 6, False)
    assert await asyncio.to_thread(headoffice.get, "/healthz") == "ok\n"
    assert await asyncio.to_thread(headoffice.get, "/readyz") == "ready\n"
    assert 'what="set_aside"} 12.0' in await asyncio.to_thread(headoffice.get, "/metrics")


async def test_an_order_comes_down_and_the_state_is_told(edge: Edge, headoffice: HeadOfficeProcess, mosquitto: Mosquitto) -> None:
    await edge.keep(1, 2, 3)
    await edge.acknowledged()
    status = edge.sender.status()
    assert (status.state, status.acknowledged) == ("connected", {"alarm": 1, "business": 1, "bulk": 1})
    order = {
        "v": 1, "id": "c-1", "branch": "nanjing-road", "issuer": "chen", "verb": "capture", "arguments": {}, "reason": "",
        "expires": "2026-11-24T10:00:00+08:00", "key": "k", "signature": "",
    }  # fmt: skip
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish("headoffice/v1/nanjing-road/command", json.dumps(order), qos=0)
        await client.publish("headoffice/v1/nanjing-road/ack", b"rubbish", qos=0)
    await until(lambda: edge.commands)
    mosquitto.kill()
    await until(lambda: edge.sender.status().state == "disconnected")


async def test_the_alarm_lane_goes_before_a_backlog(tmp_path: Path, headoffice: HeadOfficeProcess, mosquitto: Mosquitto) -> None:
    edge = Edge(tmp_path / "edge", mosquitto)
    await edge.start()
    try:
        await edge.keep(*range(1, 30_001, 3))  # bulk
        await edge.keep(2)
        await until(lambda: edge.store.outbox.acknowledged(Lane.ALARM))
        assert edge.store.outbox.acknowledged(Lane.BULK) < 10_000
        await edge.acknowledged()
    finally:
        await edge.stop()


async def test_head_office_starts_and_ends_with_everything_else_down(headoffice: HeadOfficeProcess, mosquitto: Mosquitto) -> None:
    headoffice.end(signal.SIGKILL)
    mosquitto.kill()
    headoffice.start()
    ready = ""
    while "broker" not in ready:  # until its page is there and names what is away
        ready = await asyncio.to_thread(headoffice.get, "/readyz")
    assert await asyncio.to_thread(headoffice.get, "/healthz") == "ok\n"
    mosquitto.start()
    while ready != "ready\n":
        ready = await asyncio.to_thread(headoffice.get, "/readyz")
    mosquitto.kill()
    assert headoffice.end(signal.SIGTERM) == 0
