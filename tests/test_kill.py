"""Kill -9 of the daemon, head office and the broker at random moments under load: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from devices.simulated.load import Load, LoadTruth, MachineTime, Rates
from devices.simulated.machine_serial import SerialTicketMachine
from devices.simulated.wire import PtyWire
from tests.conftest import Mosquitto

SHORT_S = 24.0
PAUSE_S = (0.3, 2.5)
QUIET_WITHIN_S = 60.0


class SerialLoad:
    """A serial ticket machine (format E) that prints a ticket now and then, and gives up after its three repeats."""

    def __init__(self, folder: Path) -> None:
        self.wire = PtyWire(folder / "serial-machine")
        self.machine = SerialTicketMachine(self.wire, MachineTime(), lambda _call: None)

    async def run(self, duration_s: float) -> None:
        await self.wire.plug()
        beating, until = asyncio.create_task(self.machine.run()), time.monotonic() + duration_s
        try:
            while time.monotonic() < until:
                await self.machine.issue("C", "normal")
                await asyncio.sleep(0.3)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await self.wire.unplug()


class Program:
    """One of our own commands as a process that can be killed and started again."""

    def __init__(self, command: str, file: Path) -> None:
        self._command, self._file = command, file
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with (self._file.parent / f"{self._command}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "edge.cli", self._command, str(self._file)], stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = self._started()

    def stop(self) -> float:
        """End it by SIGTERM; how long that took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(10)
        return time.monotonic() - began


def files(folder: Path, broker_url: str, load: Load, port: int) -> tuple[Path, Path]:
    counters = [str(number) for number in range(1, load.rates.counters + 1)]
    branch = {
        "branch": {"id": "killed"},
        "mqtt": {"url": broker_url},
        "services": {"personal": {"prefix": "A"}, "corporate": {"prefix": "B"}, "wealth": {"prefix": "C"}},
        "queue": {"authority": "smartbranch"},
        "counters": {counter: {"services": ["personal", "corporate"]} for counter in counters},
        "devices": {**load.devices(), "kiosk": {"driver": "ticket_machine", "link": {"serial": str(folder / "serial-machine")}}},
        "web": {"listen": None},
        "store": {"folder": "store"},
        "headoffice": {"url": broker_url},
    }
    office = {"mqtt": {"url": broker_url}, "database": {"url": "sqlite:///headoffice.db"}, "web": {"listen": f"127.0.0.1:{port}"}}
    paths = folder / "branch.yaml", folder / "hq.yaml"
    for path, content in zip(paths, (branch, office), strict=True):
        path.write_bytes(msgspec.json.encode(_plain(content)))
    return paths


def _plain(content: object) -> object:
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    return content


async def killed(
    folder: Path, broker: Mosquitto, port: int, duration_s: float, seed: int
) -> tuple[LoadTruth, SerialTicketMachine, Counter[str]]:
    """Run the load and end one process after the other; the truth, and how often each was killed."""
    load = Load(folder, broker.url, Rates(presses_per_s=8.0, tickets_per_s=6.0, samples_per_s=50.0), seed=seed)
    serial = SerialLoad(folder)
    branch_file, office_file = files(folder, broker.url, load, port)
    daemon, office = Program("run", branch_file), Program("headoffice", office_file)
    victims: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "daemon": (daemon.kill, daemon.start),
        "headoffice": (office.kill, office.start),
        "broker": (broker.kill, broker.start),
    }
    draw, ended, until = random.Random(seed), Counter[str](), time.monotonic() + duration_s
    working = asyncio.create_task(load.run(duration_s, settle_s=QUIET_WITHIN_S))
    issuing = asyncio.create_task(serial.run(duration_s))
    try:
        while time.monotonic() < until - PAUSE_S[1]:
            await asyncio.sleep(draw.uniform(*PAUSE_S))
            name = draw.choice(list(victims))
            kill, start = victims[name]
            await asyncio.to_thread(kill)
            await asyncio.to_thread(start)
            ended[name] += 1
        await issuing
        assert await working, "the load did not come to rest: something is never acknowledged"
        await asyncio.to_thread(_until_all_is_there, folder)
    finally:
        for task in (working, issuing):
            task.cancel()
        await asyncio.gather(working, issuing, return_exceptions=True)
        for program in (daemon, office):
            took_s = await asyncio.to_thread(program.stop)
            assert took_s < 5
    return load.truth, serial.machine, ended


def _read(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


KEYS = "SELECT epoch, lane, sequence FROM event"


def _until_all_is_there(folder: Path) -> None:
    """Wait until head office holds every event of the branch."""
    until = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < until:
        behind = set(_read(folder / "store" / "branch.db", KEYS)) - set(_read(folder / "headoffice.db", KEYS))
        if not behind:
            return
        time.sleep(0.2)
    raise AssertionError(f"{len(behind)} events never came to head office, the first {min(map(str, behind))}")


def compare(folder: Path, truth: LoadTruth, serial: SerialTicketMachine) -> None:
    """Head office against what the simulated devices really did."""
    events = [(type_, msgspec.json.decode(str(data))) for type_, data in _read(folder / "headoffice.db", "SELECT type, data FROM event")]
    tickets = Counter(data["ticket"] for type_, data in events if type_ == "ticket.issued")
    told = Counter(t.ticket for t in truth.tickets if t.acknowledged) + Counter(serial.acknowledged)
    printed = Counter(t.ticket for t in truth.tickets) + Counter(serial.acknowledged) + Counter(serial.given_up)
    assert not told - tickets, "tickets that the machine was told are kept, and are not"
    assert not tickets - printed, "tickets that nobody was given, or twice"
    ratings = Counter((data["counter"], data["rating"]) for type_, data in events if type_ == "rating.given")
    kept = Counter((r.counter, r.rating) for r in truth.ratings)
    at_most = kept + Counter((r.counter, r.rating) for r in truth.ratings_given_up)
    assert not kept - ratings, "ratings that were answered, and are not there"
    assert not ratings - at_most, "ratings that nobody gave, or twice"
    assert len(truth.tickets) > 20
    assert len(serial.acknowledged) > 10
    assert sum(kept.values()) > 10


async def test_nothing_is_lost_or_doubled_when_each_is_killed_at_random(
    tmp_path: Path, mosquitto: Mosquitto, free_port: Callable[[], int]
) -> None:
    truth, serial, ended = await killed(tmp_path, mosquitto, free_port(), SHORT_S, seed=int(os.environ.get("KILL_SEED", "1")))
    assert len(ended) == 3
    compare(tmp_path, truth, serial)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_soak_of_kills(tmp_path: Path, mosquitto: Mosquitto, free_port: Callable[[], int]) -> None:
    duration_s = 60 * float(os.environ.get("SOAK_MINUTES", "30"))
    truth, serial, ended = await killed(tmp_path, mosquitto, free_port(), duration_s, seed=int(time.time()))
    compare(tmp_path, truth, serial)
    print(f"kills: {dict(ended)}; tickets {len(truth.tickets)}, ratings {len(truth.ratings)}")  # noqa: T201 (the soak's result)
