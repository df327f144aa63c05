"""Fixtures for all tests: real brokers on free ports, and an event loop that nothing may block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from devices.simulated.broker import EmbeddedBroker

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[BlockBuster]:
    """Whatever in our packages blocks a running event loop raises `BlockingError`; test code itself may block.

    A test that needs an exception takes this fixture and says why: `blockbuster.functions["os.stat"].can_block_in(file, function)`.
    """
    with blockbuster_ctx(["devices", "edge", "models"]) as watching:
        yield watching


def free_port() -> int:
    """A TCP port on loopback that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(name="free_port")
def _free_port() -> Callable[[], int]:
    """`free_port()` gives a port on loopback that nobody listens on."""
    return free_port


class Mosquitto:
    """A real mosquitto on loopback, as it is configured on a branch's box; its session store outlives `stop`, not `kill`."""

    def __init__(self, folder: Path, port: int, extra: str = "") -> None:
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        anonymous = "" if "allow_anonymous" in extra else "allow_anonymous true\n"
        (folder / "mosquitto.conf").write_text(
            f"listener {port} 127.0.0.1\n{anonymous}"
            "max_queued_messages 100000\nmax_inflight_messages 1000\nset_tcp_nodelay true\n"
            f"persistence true\npersistence_location {folder}/\n"
            + ("user root\n" if os.geteuid() == 0 else "")  # else it gives root up and cannot read the temporary folder
            + extra,
            encoding="utf-8",
        )

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "mosquitto is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it accepts connections."""
        assert MOSQUITTO is not None
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [MOSQUITTO, "-v", "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"mosquitto did not start: {self.log()[-2000:]}")
            time.sleep(0.01)

    def log(self) -> str:
        """All it has written so far."""
        return (self._folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End it as an operator would: it writes its sessions down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`: what it has not written down is gone."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def start_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Mosquitto]]:
    """`start_mosquitto(extra)` starts one with lines of `mosquitto.conf` added; skipped where none is installed."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    started: list[Mosquitto] = []

    def start(extra: str = "") -> Mosquitto:
        started.append(Mosquitto(tmp_path_factory.mktemp("mosquitto"), free_port(), extra))
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running mosquitto: `.url .port .pid .kill() .start() .stop() .log()`."""
    return start_mosquitto()


@pytest.fixture
async def embedded_broker() -> AsyncIterator[EmbeddedBroker]:
    """The embedded broker, running: `.url .port`."""
    async with EmbeddedBroker(free_port()) as broker:
        yield broker
