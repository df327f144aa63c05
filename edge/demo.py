"""The demo: broker, simulated branch, daemon, head office and page from nothing, and at the end the sums beside the truth."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from devices.simulated import ctrl_c
from devices.simulated.branch import SimulatedBranch
from devices.simulated.broker import EmbeddedBroker
from edge.clock import FastClock
from edge.demo_sums import Sums, sums

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_BEGINS: Final = timedelta(hours=9, minutes=30)
_CAMERA_UP_TO: Final = 10.0
_SETTLE_S: Final = 20.0
_STOP_S: Final = 10.0
_START_S: Final = 30.0


class DemoError(Exception):
    """The demo cannot go on; says what to do."""


class Options(msgspec.Struct, frozen=True):
    """How the demo runs: how fast, for how many minutes of wall time (None: until stopped), and where its page is."""

    speed: float = 1.0
    minutes: float | None = None
    port: int = 8080
    seed: int = 7


async def demo(options: Options, stop: asyncio.Event, say: Callable[[str], object]) -> Sums:
    """Run it until `stop` is set or its minutes are over; `say` takes a line for people."""
    with tempfile.TemporaryDirectory(prefix="smartbranch-demo-") as place:
        folder = Path(place)
        async with EmbeddedBroker(_free_port()) as broker:
            clock = FastClock(_beginning(), options.speed)
            camera = options.speed <= _CAMERA_UP_TO
            simulated = SimulatedBranch(
                folder, broker.url, seed=options.seed, start=clock.start, speed=options.speed, camera=camera, clock=clock, closed=True
            )
            async with simulated:
                _write_files(folder, simulated.branch_yaml(), broker.url, options.port)
                async with _process("headoffice", folder / "hq.yaml"), _daemon(folder, clock) as (daemon, began):
                    start_s = await _first_reading(options.port, began, daemon, folder / "run.log")
                    if camera:
                        await _camera_sees(options.port)
                    await simulated.open_door()
                    say(f"page    http://127.0.0.1:{options.port}/")
                    say(f"broker  {broker.url}  (topics below branch/simulated/)")
                    say(f"camera  {'on' if camera else f'left out: its picture is too crowded above {_CAMERA_UP_TO:g}x'}")
                    say(f"day     from 09:30, {options.speed:g} times as fast; Ctrl-C stops and sums up")
                    await _until(stop, options.minutes)
                    settled = await simulated.settle(_SETTLE_S)
                    await _line_is_empty(options.port)
                    peak_mb, camera_in = _peak_rss_mb(daemon.pid), await _camera_in(options.port) if camera else None
                return sums(folder, simulated.truth, start_s=start_s, peak_rss_mb=peak_mb, camera_in=camera_in, settled=settled)


def _beginning() -> float:
    """09:30 of today, or of Monday at the weekend."""
    day = datetime.now(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return (day + _BEGINS).timestamp()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_files(folder: Path, branch_yaml: str, broker_url: str, port: int) -> None:
    page = f"\nweb:\n  listen: 127.0.0.1:{port}\nheadoffice:\n  url: {broker_url}\n"
    (folder / "branch.yaml").write_text(branch_yaml + page, encoding="utf-8")
    hq = f"mqtt: {{url: '{broker_url}'}}\ndatabase: {{url: 'sqlite:///headoffice.db'}}\nweb: {{listen: '127.0.0.1:{_free_port()}'}}\n"
    (folder / "hq.yaml").write_text(hq, encoding="utf-8")


@contextlib.asynccontextmanager
async def _daemon(folder: Path, clock: FastClock) -> AsyncIterator[tuple[asyncio.subprocess.Process, float]]:
    began = time.monotonic()
    simulated_clock = f"--simulated-clock={clock.start},{clock.rate},{clock.began}"
    async with _process("run", folder / "branch.yaml", simulated_clock) as process:
        yield process, began


@contextlib.asynccontextmanager
async def _process(command: str, file: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of our own commands as a child; its log goes beside its file, and is told when it ends by itself."""
    log = await asyncio.to_thread((file.parent / f"{command}.log").open, "wb")
    with log:
        given = ("-m", "edge.cli", command, str(file), *words)
        with ctrl_c.unheard():
            process = await asyncio.create_subprocess_exec(sys.executable, *given, stdout=log, stderr=log)
        try:
            yield process
            if process.returncode is not None:
                said = await asyncio.to_thread((file.parent / f"{command}.log").read_text, errors="replace")
                raise DemoError(f"{command} ended with {process.returncode}:\n{said[-2000:]}")
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _first_reading(port: int, began: float, daemon: asyncio.subprocess.Process, log: Path) -> float:
    """Seconds from the daemon's start until its page shows a device's first reading."""
    while time.monotonic() - began < _START_S and daemon.returncode is None:
        with contextlib.suppress(OSError, ValueError):
            state = await asyncio.to_thread(_state, port)
            if any(topic.startswith("device/") and payload["last_seen"] for topic, payload in state.items()):
                return round(time.monotonic() - began, 2)
        await asyncio.sleep(0.02)
    said = await asyncio.to_thread(log.read_text, errors="replace")
    raise DemoError(f"the daemon shows no reading; is port {port} free? choose another with --port\n{said[-2000:]}")


def _state(port: int) -> Mapping[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=2) as answer:
        found: Mapping[str, Any] = msgspec.json.decode(answer.read())["state"]
    return found


async def _camera(port: int) -> Mapping[str, Any]:
    """What the page knows of the camera."""
    state = await asyncio.to_thread(_state, port)
    found: Mapping[str, Any] = next(
        payload for topic, payload in state.items() if topic.startswith("device/") and payload["kind"] == "camera"
    )
    return found


async def _camera_sees(port: int) -> None:
    """Wait for the camera's first picture, or for a while."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            if (await _camera(port))["state"] == "online":
                return
        await asyncio.sleep(0.1)


async def _camera_in(port: int) -> int:
    """How many the camera saw come in since it and the door's own counter are compared."""
    return int((await _camera(port)).get("facts", {}).get("in_seen", 0))


async def _until(stop: asyncio.Event, minutes: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if minutes is None else minutes * 60):
            await stop.wait()


async def _line_is_empty(port: int) -> None:
    """Wait until head office has all, or for a while."""
    until = time.monotonic() + _SETTLE_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError):
            if (await asyncio.to_thread(_state, port)).get("uplink", {}).get("backlog") == 0:
                return
        await asyncio.sleep(0.1)


def _peak_rss_mb(pid: int) -> float:
    """The most memory the process has had, from /proc (proc(5), VmHWM in kB)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return round(int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024, 1)
