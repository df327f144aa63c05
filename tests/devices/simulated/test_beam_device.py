"""The simulated beam counter: frames that follow one another, totals that wrap, a restart from 0."""

from __future__ import annotations

import asyncio
import struct

from devices.simulated.beam import BeamCounter
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host

SIZE = 23


def frames(heard: bytes) -> list[tuple[int, ...]]:
    """(in, out, total in, total out, sequence) of each frame."""
    found = [struct.unpack(">BHHHBHHB", heard[at + 10 : at + SIZE]) for at in range(0, len(heard), SIZE)]
    return [(frame[2], frame[3], frame[5], frame[6], frame[7]) for frame in found]


async def test_it_tells_a_change_at_once_and_wraps(wire: PtyWire, host: Host) -> None:
    beam = BeamCounter(wire, "10017046", every_s=3600, totals=(65_535, 7))
    running = asyncio.create_task(beam.run())
    await host.until(lambda heard: len(heard) == SIZE)
    beam.count("in", 2)
    heard = await host.until(lambda heard: len(heard) == 2 * SIZE)
    beam.count("out", 1)
    heard = await host.until(lambda heard: len(heard) == 3 * SIZE)
    assert frames(heard) == [(0, 0, 65_535, 7, 1), (2, 0, 1, 7, 2), (0, 1, 1, 8, 3)]
    assert heard[:10] == b"\x02\x0610017046"
    running.cancel()


async def test_it_speaks_without_a_change_too(wire: PtyWire, host: Host) -> None:
    running = asyncio.create_task(BeamCounter(wire, "1", every_s=0.02).run())
    heard = await host.until(lambda heard: len(heard) >= 3 * SIZE)
    assert [frame[4] for frame in frames(heard[: 3 * SIZE])] == [1, 2, 3]
    running.cancel()


async def test_restarted_it_counts_from_nothing(wire: PtyWire, host: Host) -> None:
    beam = BeamCounter(wire, "1", totals=(40, 30))
    await beam.tell()
    beam.restart()
    beam.count("in", 1)
    await beam.tell()
    assert frames(await host.until(lambda heard: len(heard) == 2 * SIZE)) == [(0, 0, 40, 30, 1), (1, 0, 1, 0, 1)]
