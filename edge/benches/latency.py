"""`bench latency`: from a press on the counter bus to its topic and to the display's last byte, eight counters busy."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiomqtt
import msgspec
import numpy as np

from devices.links.broker import Broker, connect
from devices.simulated.counter_devices import CounterDevices
from devices.simulated.wire import PtyWire
from edge.benches.broker import loopback_broker

_COUNTERS: Final = tuple(str(number) for number in range(1, 9))
_EACH_S: Final = 3.0
"""Mean time between two presses at one counter; far busier than any branch."""
_BYTE_S: Final = 10 / 9600
_DISPLAY_FRAME_S: Final = 14 * _BYTE_S
"""A pty is not as slow as the wire: what the display's frame takes at 9600 baud is added."""
_RUN_S, _FULL_RUN_S = 35.0, 300.0
_STATE: Final = msgspec.json.Decoder()


class _Stopwatch:
    """When a counter's last press had left, and what followed it."""

    def __init__(self) -> None:
        self.pressed: dict[str, float] = {}
        self.to_topic_s: list[float] = []
        self.to_display_s: list[float] = []
        self._topic_due: set[str] = set()
        self._display_due: set[str] = set()

    def left(self, counter: str) -> None:
        self.pressed[counter] = time.monotonic()
        self._topic_due.add(counter)
        self._display_due.add(counter)

    def on_topic(self, counter: str) -> None:
        if counter in self._topic_due:
            self._topic_due.discard(counter)
            self.to_topic_s.append(time.monotonic() - self.pressed[counter])

    def on_display(self, counter: str, ticket: str) -> None:
        if ticket and counter in self._display_due:
            self._display_due.discard(counter)
            self.to_display_s.append(time.monotonic() - self.pressed[counter] + _DISPLAY_FRAME_S)


class _TimedWire(PtyWire):
    """Notes when the last byte of a press has left."""

    def __init__(self, path: Path, watch: _Stopwatch) -> None:
        super().__init__(path)
        self._watch = watch

    async def send(self, frame: bytes) -> None:
        await super().send(frame)
        if frame[6:8] == b"\x01\x0c":
            self._watch.left(str(frame[5]))


def bench(full: bool) -> dict[str, Any]:
    """`press_to_topic_ms` and `press_to_display_ms` (p50, p99), and beside them the broker alone and the disk alone."""
    with tempfile.TemporaryDirectory(prefix="smartbranch-bench-") as folder:
        return asyncio.run(_measured(Path(folder), _FULL_RUN_S if full else _RUN_S))


async def _measured(folder: Path, run_s: float) -> dict[str, Any]:
    watch = _Stopwatch()
    wire = _TimedWire(folder / "callers", watch)
    devices = CounterDevices(wire, {counter: int(counter) for counter in _COUNTERS}, watch.on_display)
    await wire.plug()
    try:
        async with loopback_broker(folder) as (broker, url), connect(Broker.of(url), "bench", clean_session=True) as client:
            await client.subscribe([("branch/bench/counter/+", 0), ("branch/bench/status", 0)])
            alone_s = [await _round_trip(client) for _ in range(100)]
            async with _daemon(folder, url, wire.address), asyncio.TaskGroup() as tasks:
                await _online(client)
                listening = tasks.create_task(_listen(client, watch))
                await _issue(client, round(run_s / _EACH_S * len(_COUNTERS) * 1.6))
                async with asyncio.TaskGroup() as pressing:
                    for counter in _COUNTERS:
                        pressing.create_task(_press(devices, counter, run_s))
                listening.cancel()
    finally:
        await wire.unplug()
    figures = {"press_to_topic_ms": _points(watch.to_topic_s), "press_to_display_ms": _points(watch.to_display_s)}
    return {**figures, "presses": len(watch.to_topic_s), "broker": broker, "peers": {"publish_acknowledged_ms": _points(alone_s)}}


async def _round_trip(client: aiomqtt.Client) -> float:
    """Seconds from a publish to its PUBACK: the broker and the loopback alone."""
    began = time.monotonic()
    await client.publish("bench/alone", b"x" * 120, qos=1)
    return time.monotonic() - began


async def _online(client: aiomqtt.Client) -> None:
    """Return when the daemon is on the broker."""
    async for message in client.messages:
        if _STATE.decode(bytes(message.payload)).get("state") == "online":
            return


async def _listen(client: aiomqtt.Client, watch: _Stopwatch) -> None:
    async for message in client.messages:
        if _STATE.decode(bytes(message.payload)).get("ticket"):
            watch.on_topic(message.topic.value.rsplit("/", 1)[1])


async def _issue(client: aiomqtt.Client, count: int) -> None:
    for number in range(count):
        body = {"service": "personal", "class": "normal", "transaction": number}
        await client.publish("branch/bench/request/issue_ticket", msgspec.json.encode(body), qos=1)


async def _press(devices: CounterDevices, counter: str, run_s: float) -> None:
    draw, until = random.Random(int(counter)), time.monotonic() + run_s
    while time.monotonic() < until:
        await asyncio.sleep(draw.uniform(0.5, 1.5) * _EACH_S)
        await devices.press(counter, "next")


@contextlib.asynccontextmanager
async def _daemon(folder: Path, url: str, address: str) -> AsyncIterator[None]:
    branch = {
        "branch": {"id": "bench"},
        "mqtt": {"url": url},
        "services": {"personal": {"prefix": "A"}},
        "counters": {counter: {"services": ["personal"]} for counter in _COUNTERS},
        "devices": {
            "callers": {
                "driver": "counter_bus",
                "link": {"serial": address},
                "counters": {int(counter): counter for counter in _COUNTERS},
                "letters": True,
            }
        },
        "web": {"listen": None},
        "store": {"folder": str(folder / "store")},
    }
    file = folder / "branch.yaml"
    await asyncio.to_thread(file.write_bytes, msgspec.json.encode(branch))  # JSON is YAML
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edge.cli", "--log-level", "WARNING", "run", str(file))
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _points(seconds: list[float]) -> dict[str, float | None]:
    if not seconds:
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(np.asarray(seconds) * 1000, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}
