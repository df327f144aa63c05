"""What the tests of links need: a tty whose other end is in the test's hand, and someone who keeps what a device is told."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.driver import LinkDownError
from devices.links.byte_wire import ByteLink
from devices.links.lines import Lines
from devices.reading import Sample


class Told:
    """Keeps the states that a device is told."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._came = asyncio.Event()

    def __call__(self, sample: Sample) -> None:
        self.samples.append(sample)
        self._came.set()

    @property
    def states(self) -> list[object]:
        return [sample.value for sample in self.samples]

    @property
    def reason(self) -> str:
        reason = self.samples[-1].reason
        return reason["en"] if reason else ""

    async def until(self, count: int) -> None:
        """Return when `count` states have been told."""
        while len(self.samples) < count:
            self._came.clear()
            await self._came.wait()


class Adapter:
    """A serial adapter at a path: plugged in, it is a pty whose other end is here; `received` keeps what the host writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.received = bytearray()
        self._master: int | None = None
        self._slave: int | None = None
        self._came = asyncio.Event()

    def plug(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def unplug(self) -> None:
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = None

    def _read(self) -> None:
        assert self._master is not None
        self.received += os.read(self._master, 65_536)
        self._came.set()

    async def until(self, received: bytes) -> None:
        """Return when the host has written `received`."""
        while received not in self.received:
            self._came.clear()
            await self._came.wait()

    async def opened(self, link: ByteLink, mark: bytes = b"ready") -> None:
        """Return when the host has opened the line: what is written arrives."""
        while True:
            try:
                await link.write(mark)
                break
            except LinkDownError:
                await asyncio.sleep(0)
        await self.until(mark)

    def say(self, data: bytes) -> int:
        """The device speaks; how many of the bytes the line has taken."""
        assert self._master is not None
        return os.write(self._master, data)


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[Adapter]:
    """A serial adapter, plugged in."""
    adapter = Adapter(tmp_path / "ttyUSB0")
    adapter.plug()
    yield adapter
    adapter.unplug()


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    """All wires of a process, without a broker."""
    async with Lines() as lines:
        yield lines


@pytest.fixture
def told() -> Told:
    """Keeps the states that a device is told: `.states .reason`, `await told.until(count)`."""
    return Told()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wires are tried again within 50 ms."""
    monkeypatch.setattr("devices.links.backoff.MOST_S", 0.05)
