"""Fixtures for simulated devices: a plugged tty, the program at its other end, a working day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest

from devices.simulated.scenario import TIMEZONE
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host

WORKDAY = datetime(2026, 11, 25, tzinfo=TIMEZONE)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[PtyWire]:
    """A plugged pty at 115,200 baud."""
    found = PtyWire(tmp_path / "line", 115_200)
    await found.plug()
    yield found
    await found.unplug()


@pytest.fixture
async def host(wire: PtyWire) -> AsyncIterator[Host]:
    """The program at the other end of `wire`: `.heard .say(bytes) .until(test)`."""
    found = Host(wire.address)
    yield found
    found.close()


@pytest.fixture
def at() -> Callable[[float], float]:
    """`at(9.5)` is 09:30 of a working day, unix seconds."""
    return lambda hour: WORKDAY.timestamp() + hour * 3600
