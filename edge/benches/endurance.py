"""Endurance: 1,000 samples and 50 occurrences a second through the whole daemon on one core; its load, memory, start and idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
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
from devices.simulated.load import Load, Rates
from edge.benches.broker import loopback_broker
from edge.store.schema import FILE_NAME
from edge.store.schema import connect as open_database

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_LOOK_EACH_S: Final = 1.0
_SHORT_S, _FULL_S = (20.0, 10.0), (600.0, 60.0)
"""Seconds under load, and idle before."""
_FAULTS_PER_S: Final = 36.0


class Usage:
    """A process's processor time and memory, from /proc."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cpu_s(self) -> float:
        """User and system time so far, in seconds (proc(5), fields 14 and 15)."""
        fields = Path(f"/proc/{self._pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def rss_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def bench(full: bool) -> dict[str, Any]:
    """Figures of a daemon under load, for ten minutes when `full`, and of the same daemon idle before."""
    with tempfile.TemporaryDirectory(prefix="smartbranch-bench-") as folder:
        return asyncio.run(_measured(Path(folder), *(_FULL_S if full else _SHORT_S)))


async def _measured(folder: Path, run_s: float, idle_s: float) -> dict[str, Any]:
    async with loopback_broker(folder) as (broker, url):
        rates = Rates(counters=16, presses_per_s=15.0, rating_share=0.4, tickets_per_s=3.0, sensors=200, samples_per_s=1000.0)
        load = Load(folder, url, rates, seed=1)
        await load.wire.plug()
        async with connect(Broker.of(url), "bench", clean_session=True) as client:
            await client.subscribe("branch/bench/#", qos=0)
            async with _daemon(folder, url, load) as process:
                start_s = await _first_reading(client)
                usage = Usage(process.pid)
                idle_pct = await _busy_pct(usage, idle_s)
                working = asyncio.create_task(load.run(run_s))
                faults = asyncio.create_task(_faults(client, run_s))
                figures = await _watched(usage, run_s)
                settled = await working
        kept = await asyncio.to_thread(_kept, folder)
    truth = load.truth
    occurrences = len(truth.presses) + len(truth.ratings) + len(truth.tickets) + faults.result()
    return {
        "broker": broker,
        "start_s": round(start_s, 2),
        "idle_cpu_pct": idle_pct,
        **figures,
        "samples_per_s": round(truth.samples / run_s),
        "occurrences_per_s": round(occurrences / run_s, 1),
        "settled": settled,
        "tickets": len(truth.tickets),
        "tickets_kept": kept,
    }


async def _faults(client: aiomqtt.Client, run_s: float) -> int:
    """A terminal that reports another fault 28 times a second; how many it did."""
    loop, count = asyncio.get_running_loop(), 0
    began = loop.time()
    while (passed_s := loop.time() - began) < run_s:
        while count < passed_s * _FAULTS_PER_S:
            count += 1
            body = {"terminal": "vtm", "kind": "vtm", "state": "in_service", "faults": ["CARD_JAM"], "seq": count}
            await client.publish("load/vtm/fault", msgspec.json.encode(body), qos=1)
        await asyncio.sleep(0.02)
    return count


async def _watched(usage: Usage, run_s: float) -> dict[str, Any]:
    """Load of one core and memory: its slope is that of a straight line through the last two thirds."""
    loop, points = asyncio.get_running_loop(), list[tuple[float, float]]()
    began, cpu_before = loop.time(), usage.cpu_s()
    while loop.time() - began < run_s:
        await asyncio.sleep(_LOOK_EACH_S)
        points.append((loop.time() - began, usage.rss_mb()))
    cpu_pct = (usage.cpu_s() - cpu_before) / (loop.time() - began) * 100
    late = np.asarray(points[len(points) // 3 :])
    slope = float(np.polyfit(late[:, 0] / 60, late[:, 1], 1)[0])
    return {"cpu_pct": round(cpu_pct, 1), "rss_mb": round(float(late[:, 1].max()), 1), "rss_slope_mb_per_min": round(slope, 3)}


async def _busy_pct(usage: Usage, for_s: float) -> float:
    before = usage.cpu_s()
    await asyncio.sleep(for_s)
    return round((usage.cpu_s() - before) / for_s * 100, 2)


async def _first_reading(client: aiomqtt.Client) -> float:
    """Seconds from the daemon's start to the first device shown online; a sensor is kept talking meanwhile."""
    began = time.monotonic()

    async def talk() -> None:
        while True:
            await client.publish("load/sensor-1", b'{"temperature_c": 21.5}', qos=0)
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(talk())
    try:
        async for message in client.messages:
            is_sensor = message.topic.value == "branch/bench/device/sensor-1"
            if is_sensor and msgspec.json.decode(bytes(message.payload)).get("state") == "online":
                return time.monotonic() - began
    finally:
        talking.cancel()
    raise RuntimeError("the broker went away")


@contextlib.asynccontextmanager
async def _daemon(folder: Path, url: str, load: Load) -> AsyncIterator[asyncio.subprocess.Process]:
    counters = [str(number) for number in range(1, load.rates.counters + 1)]
    branch = {
        "branch": {"id": "bench"},
        "mqtt": {"url": url},
        "services": {"personal": {"prefix": "A"}, "corporate": {"prefix": "B"}},
        "counters": {counter: {"services": ["personal", "corporate"]} for counter in counters},
        "devices": {**load.devices(), "vtm": {"driver": "terminal", "link": {"mqtt": "load/vtm"}}},
        "web": {"listen": None},
        "store": {"folder": str(folder / "store")},
    }
    file = folder / "branch.yaml"
    await asyncio.to_thread(file.write_bytes, msgspec.json.encode(branch))  # JSON is YAML
    words = ("-m", "edge.cli", "--log-level", "WARNING", "run", str(file))
    process = await asyncio.create_subprocess_exec(sys.executable, *words)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _kept(folder: Path) -> int:
    connection = open_database(folder / "store" / FILE_NAME, read_only=True)
    try:
        return int(connection.execute("SELECT count(*) FROM event WHERE type = 'ticket.issued'").fetchone()[0])
    finally:
        connection.close()
