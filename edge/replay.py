"""Replay: recorded bytes through the same drivers, rules and store as the daemon, in simulated time, faster than it happened."""

from __future__ import annotations

import asyncio
import selectors
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from devices.driver import find
from devices.links.recorded import RecordedLines
from edge.branch.plan import Plan
from edge.capture import CaptureLine
from edge.config.load import Config
from edge.config.plan import plan_of
from edge.engine import Engine
from edge.handed import Handed
from edge.isolation import isolated
from edge.store.outbox import Numbered, event_on_the_line
from edge.store.store import Store

_LONGEST_STEP_S: Final = 1.0
_AFTER_S: Final = 5.0
"""How long the branch goes on after the last recorded byte."""
_TURNS: Final = 3
_LAST_T: Final = 32_503_680_000.0  # the year 3000
_LONGEST_S: Final = 31 * 86_400.0


class ReplayError(Exception):
    """A recording cannot be used; says which line and what it should be."""


class _Impatient(selectors.DefaultSelector):
    """Never waits for a time, only for threads: time stands until it is moved."""

    def select(self, timeout: float | None = None) -> Any:
        return super().select(None if timeout is None else min(timeout, 0.001))


class StandingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands until `move_to`; timers fire in order as it passes them."""

    def __init__(self) -> None:
        self._at = 0.0
        super().__init__(_Impatient())

    def time(self) -> float:
        return self._at

    def move_to(self, t: float) -> None:
        """Let it be `t` seconds since the loop began."""
        self._at = max(self._at, t)


class LoopClock:
    """Wall time that begins at `start` and moves with a standing loop."""

    rate = 1.0

    def __init__(self, start: float, loop: StandingLoop) -> None:
        self._start, self._loop = start, loop

    def now(self) -> float:
        return self._start + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


def recording(path: Path) -> Iterator[CaptureLine]:
    """The lines of a recording. Blocks on the disk.

    Raises:
        ReplayError: a line is none.
    """
    decode = msgspec.json.Decoder(CaptureLine)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    captured = decode.decode(line)
                    captured.received  # noqa: B018 (raises where it is no hexadecimal)
                except (msgspec.DecodeError, ValueError) as error:
                    said = 'a line is {"t": unix seconds, "link": wire or device, "bytes": hexadecimal, "topic": where there is one}'
                    raise ReplayError(f"{path.name}:{number}: {error}; {said}") from error
                yield captured


def _in_order(lines: Iterable[CaptureLine]) -> list[CaptureLine]:
    captured = sorted(lines, key=lambda line: line.t)
    if not captured:
        raise ReplayError("the recording holds no lines; `smartbranch capture` writes them")
    if not 0 <= captured[0].t <= captured[-1].t <= _LAST_T or captured[-1].t - captured[0].t > _LONGEST_S:
        raise ReplayError(
            f"the recording runs from t={captured[0].t:g} to {captured[-1].t:g}; t is unix seconds, and a recording has at most 31 days"
        )
    return captured


def replay(config: Config, lines: Iterable[CaptureLine]) -> list[bytes]:
    """The events that the branch made of a recording, as head office would have got them.

    Raises:
        ReplayError: there are no lines, or their times are none of one recording.
    """
    captured = _in_order(lines)
    loop = StandingLoop()
    with tempfile.TemporaryDirectory(prefix="smartbranch-replay-") as folder, asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_replayed(config, plan_of(config), captured, loop, Path(folder)))


async def _replayed(config: Config, plan: Plan, lines: list[CaptureLine], loop: StandingLoop, folder: Path) -> list[bytes]:
    events: list[bytes] = []
    clock = LoopClock(lines[0].t, loop)
    store = Store(folder, clock, plan.timezone, lambda _: None)
    engine = Engine(plan, store, clock, lambda: None)
    engine.listeners.append(lambda numbered: events.extend(map(_written, numbered)))
    await store.open()
    try:
        await engine.resume()
        async with RecordedLines() as wires, asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(engine.run()), *_devices(config, engine, wires, tasks)]
            await _settled(store)
            for line in lines:
                await _pass_until(loop, store, line.t - lines[0].t)
                await wires.feed(line.link, line.topic, line.received)
                await _settled(store)
            await _pass_until(loop, store, loop.time() + _AFTER_S)
            for task in running:
                task.cancel()
    finally:
        await store.close()
    return events


def _devices(config: Config, engine: Engine, wires: RecordedLines, tasks: asyncio.TaskGroup) -> Iterator[asyncio.Task[None]]:
    for device, settings in config.settings.items():
        handed, driver = Handed(device, engine, wires), find(config.drivers[device])
        run = isolated(device, lambda d=driver, s=settings, h=handed: d.run(s, h), handed.measured)  # type: ignore[misc]
        yield tasks.create_task(run)


async def _pass_until(loop: StandingLoop, store: Store, t: float) -> None:
    """Let time pass in steps, so that what should happen in between does."""
    while loop.time() < t:
        loop.move_to(min(t, loop.time() + _LONGEST_STEP_S))
        await _settled(store)


async def _settled(store: Store) -> None:
    """Return when all that follows from what has happened has, to the disk and back."""
    for _ in range(_TURNS):
        await store.keep([])
        await asyncio.sleep(0)


def _written(numbered: Numbered) -> bytes:
    return event_on_the_line(numbered)
