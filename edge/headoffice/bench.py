"""`bench sync`: events a second committed at head office over a real broker, beside what is done without commits or in single ones."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from devices.links.broker import Broker
from devices.simulated.broker import EmbeddedBroker
from edge.event import Lane
from edge.uplink.sender import Sender

_BRANCHES: Final = 20
_EVENTS: Final = 400_000
_EVENTS_FULL: Final = 4_000_000
_WITHIN_S: Final = 30.0
_PEER_S: Final = 3.0
_EVENT: Final = (
    '{"type":"ticket.issued","v":1,"t":"2026-11-24T09:31:05.000+08:00",'
    '"data":{"ticket":"A%03d","service":"personal","class":"normal","source":"tickets","number":%d}}'
)
_CONFIG: Final = (
    "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 100000\nmax_inflight_messages 1000\n"
)


class Backlog:
    """An outbox in memory with `number` events that wait; made as they are asked for, so that only the line is measured."""

    def __init__(self, number: int) -> None:
        self.epoch = "bench"
        self._number, self._acknowledged = number, 0
        self.drained = asyncio.Event()

    def range(self, lane: Lane, first: int, last: int) -> list[tuple[int, bytes]]:
        """As the outbox's."""
        return [(n, (_EVENT % (n % 1000, n)).encode()) for n in range(first, min(last, self.highest(lane)) + 1)]

    def highest(self, lane: Lane) -> int:
        """As the outbox's; all are `business`."""
        return self._number if lane is Lane.BUSINESS else 0

    def acknowledged(self, lane: Lane) -> int:
        """As the outbox's."""
        return self._acknowledged if lane is Lane.BUSINESS else 0

    def backlog(self) -> int:
        """As the outbox's."""
        return self._number - self._acknowledged

    async def acknowledge(self, lane: Lane, up_to: int) -> None:
        """As the outbox's."""
        if lane is Lane.BUSINESS:
            self._acknowledged = up_to
        if self._acknowledged == self._number:
            self.drained.set()

    async def wait(self) -> None:
        """Nothing is ever added."""
        await asyncio.Event().wait()


def bench(full: bool) -> dict[str, Any]:
    """Events a second from the first sent to the last acknowledged, what was lost or doubled, and the peers in the same run."""
    with tempfile.TemporaryDirectory(prefix="smartbranch-bench-") as folder:
        return asyncio.run(_bench(Path(folder), _EVENTS_FULL if full else _EVENTS, _WITHIN_S * (10 if full else 1)))


async def _bench(folder: Path, events: int, within_s: float) -> dict[str, Any]:
    async with _broker(folder) as (name, port), _head_office(folder, port):
        sent, took_s = await _drain(port, events, within_s)
        publishes = await asyncio.to_thread(_publish_singly, port)
    there = await asyncio.to_thread(_counted, folder / "headoffice.db")
    single = await asyncio.to_thread(_commit_singly, folder / "single.db")
    return {
        "events_per_s": round(sent / took_s),
        "lost": sent - there["distinct"],
        "duplicated": there["events"] - there["distinct"],
        "events": sent,
        "branches": _BRANCHES,
        "broker": name,
        "peers": {
            "paho_qos1_publish_without_commit_per_s": round(publishes),
            "sqlite_row_by_row_commit_per_s": round(single),
        },
    }


async def _drain(port: int, events: int, within_s: float) -> tuple[int, float]:
    """Events acknowledged, and the seconds that took."""
    backlogs = [Backlog(events // _BRANCHES) for _ in range(_BRANCHES)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        senders = [tasks.create_task(_sender(backlog, port, number).run()) for number, backlog in enumerate(backlogs)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(backlog.drained.wait() for backlog in backlogs))
        took_s = time.monotonic() - began
        for sender in senders:
            sender.cancel()
    return sum(backlog.acknowledged(Lane.BUSINESS) for backlog in backlogs), took_s


def _sender(backlog: Backlog, port: int, number: int) -> Sender:
    async def nothing(*_: object) -> None:
        raise RuntimeError("head office of the benchmark neither refuses nor orders")

    return Sender(backlog, [Broker("127.0.0.1", port)], f"bench-{number:02d}", new_epoch=nothing, commanded=nothing)


@contextlib.asynccontextmanager
async def _broker(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """A broker of our own on loopback: Mosquitto where it is installed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        async with EmbeddedBroker(port):
            yield "embedded", port
        return
    config = folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port), encoding="utf-8")
    async with _child(mosquitto, "-c", str(config)):
        await _until_listens(port)
        yield "mosquitto", port


@contextlib.asynccontextmanager
async def _head_office(folder: Path, port: int) -> AsyncIterator[None]:
    """A head office of our own, in its own process, with SQLite."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        page = int(probe.getsockname()[1])
    file = folder / "hq.yaml"
    file.write_text(f'mqtt: {{url: "mqtt://127.0.0.1:{port}"}}\nweb: {{listen: "127.0.0.1:{page}"}}\n', encoding="utf-8")
    async with _child(sys.executable, "-m", "edge.cli", "headoffice", str(file)):
        await _until_listens(page)
        yield


@contextlib.asynccontextmanager
async def _child(*command: str) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _until_listens(port: int) -> None:
    async with asyncio.timeout(15):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


def _counted(database: Path) -> Mapping[str, int]:
    """Events at head office, and different ones by what the edges put into them."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        query = "SELECT count(*), count(DISTINCT branch || '/' || json_extract(data, '$.number')) FROM event"
        events, distinct = connection.execute(query).fetchone()
    return {"events": events, "distinct": distinct}


def _publish_singly(port: int) -> float:
    """Peer: one event a message, QoS 1, counted when the broker has PUBACKed; nothing is committed anywhere."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(100)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    if isinstance(line := client.socket(), socket.socket):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.loop_start()
    connected.wait(5)
    number, began, waiting = 0, time.monotonic(), []
    while time.monotonic() - began < _PEER_S:
        waiting = [client.publish("peer/events", _EVENT % (number % 1000, number), qos=1) for _ in range(200)]
        for published in waiting:
            published.wait_for_publish(10)
        number += len(waiting)
    took_s = time.monotonic() - began
    client.disconnect()
    client.loop_stop()
    return number / took_s


def _commit_singly(database: Path) -> float:
    """Peer: a row a transaction, as durable as ours."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE event (branch TEXT, sequence INTEGER, body TEXT, PRIMARY KEY (branch, sequence))")
        number, began = 0, time.monotonic()
        while time.monotonic() - began < _PEER_S:
            connection.execute("INSERT INTO event VALUES ('bench', ?, ?)", (number, _EVENT % (number % 1000, number)))
            number += 1
        return number / (time.monotonic() - began)
