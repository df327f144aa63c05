"""The runtime: a damaged database ends a run, and the next one sets it aside; what is asked of the daemon itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.config.load import Config, load
from edge.runtime import Runtime
from edge.store import opening
from tests.edge.store.test_damage import COUNT, aside, filled, leaf_of_events, spoil

BRANCH = "branch: {id: x}\nmqtt: {url: 'mqtt://127.0.0.1:1', topics: false}\nweb: {listen: null}\nstore: {folder: store}\n"
DEVICES = "devices: {air: {driver: mqtt_sensor, link: {mqtt: a}, quantities: [co2_ppm]}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "branch.yaml").write_text(BRANCH + DEVICES, encoding="utf-8")
    return load(tmp_path / "branch.yaml")


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[asyncio.Task[None]]:
    """A runtime at work; it must end by cancellation."""
    task = asyncio.create_task(runtime.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert task.done()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (a test may wait for anything)
            await asyncio.sleep(0.01)


async def test_damage_that_shows_when_the_day_is_taken_up_ends_the_run_and_the_next_goes_on(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path / "store")
    spoil(tmp_path / "store" / "branch.db", leaf_of_events(tmp_path / "store" / "branch.db"))
    monkeypatch.setattr(opening, "_QUICK_TO_CHECK", 0)  # as of a database that is too large to be read through
    runtime = await asyncio.to_thread(Runtime, config)
    async with asyncio.timeout(20):
        await runtime.run()
    assert not aside(tmp_path / "store")
    runtime = await asyncio.to_thread(Runtime, config)
    async with running(runtime):
        await until(lambda: runtime.engine.core.state.day)
        assert aside(tmp_path / "store")
        assert runtime.store.outbox.backlog() > COUNT / 2


async def test_damage_that_shows_later_ends_the_run_too(tmp_path: Path, config: Config, caplog: pytest.LogCaptureFixture) -> None:
    runtime = await asyncio.to_thread(Runtime, config)
    async with running(runtime) as task:
        await until(lambda: runtime.engine.core.state.day)
        runtime.store._found_damaged("database disk image is malformed")
        async with asyncio.timeout(10):
            await task
    assert caplog.text.count("the database shows damage: database disk image is malformed") == 1
    runtime = await asyncio.to_thread(Runtime, config)
    async with running(runtime):
        await until(lambda: runtime.engine.core.state.day)
        assert aside(tmp_path / "store")


async def test_it_is_cancelled_at_any_moment_of_its_start(tmp_path: Path, config: Config) -> None:
    for turns in range(0, 60, 3):
        runtime = await asyncio.to_thread(Runtime, config)
        task = asyncio.create_task(runtime.run())
        for _ in range(turns):
            await asyncio.sleep(0.001 if turns > 30 else 0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=10)
        assert done, turns
        assert task.cancelled(), turns
