"""The store: what it said it kept is there after any end, once, in order."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.reading import Occurrence
from edge.clock import SetClock
from edge.event import Event, Lane
from edge.store.repeats import Repeats
from edge.store.store import Store, StoreError
from edge.store.writer import StoreClosedError

ZONE = ZoneInfo("Asia/Shanghai")
NOW = 1_764_034_265.125


@asynccontextmanager
async def opened(folder: Path, clock: SetClock | None = None) -> AsyncIterator[Store]:
    store = Store(folder, clock or SetClock(NOW), ZONE, lambda _: None)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def event(type_: str = "ticket.issued", number: int = 1) -> Event:
    return Event(type_, NOW, {"ticket": f"A{number:03d}"})


async def test_numbers_each_lane_from_one_without_gaps(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(1, 4):
            await store.keep([event(number=number), event("device.offline"), event("climate.sampled")])
        assert [store.outbox.highest(lane) for lane in Lane] == [3, 3, 3]
        pending = await asyncio.to_thread(store.outbox.pending, Lane.BUSINESS, 1, 10)
    assert [sequence for sequence, _ in pending] == [2, 3]
    assert msgspec.json.decode(pending[0][1]) == {
        "type": "ticket.issued",
        "v": 1,
        "t": "2025-11-25T09:31:05.125+08:00",
        "data": {"ticket": "A002"},
    }


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.keep([event(number=n) for n in range(1, 6)])
        await store.outbox.acknowledge(Lane.BUSINESS, 3)
        await store.outbox.acknowledge(Lane.BUSINESS, 2)  # late, and harmless
        epoch = store.outbox.epoch
    async with opened(tmp_path) as store:
        assert (store.outbox.epoch, store.outbox.acknowledged(Lane.BUSINESS), store.outbox.backlog()) == (epoch, 3, 2)
        assert await asyncio.to_thread(store.since, "day.began") == [event(number=n) for n in range(1, 6)]
        await store.keep([event(number=6)])
        assert store.outbox.highest(Lane.BUSINESS) == 6


async def test_another_machine_begins_an_epoch_and_says_where_each_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTBRANCH_MACHINE_ID", "one")
    async with opened(tmp_path) as store:
        await store.keep([event(number=n) for n in range(1, 4)])
        await store.outbox.acknowledge(Lane.BUSINESS, 1)
        before = store.outbox.epoch
    monkeypatch.setenv("SMARTBRANCH_MACHINE_ID", "two")
    async with opened(tmp_path) as store:
        assert store.outbox.epoch != before
        assert store.epoch_reason
        pending = await asyncio.to_thread(store.outbox.pending, Lane.BUSINESS, 0, 10)
        await store.outbox.begin_epoch()
        again = await asyncio.to_thread(store.outbox.pending, Lane.BUSINESS, 0, 10)
    assert [(sequence, msgspec.json.decode(body)["was"]) for sequence, body in pending] == [(1, [before, 2]), (2, [before, 3])]
    assert [msgspec.json.decode(body)["was"] for _, body in again] == [[before, 2], [before, 3]]  # where they were first


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(StoreError, match=r"file/data/branch\.db: cannot be opened: Not a directory; the folder has to be ours to write"):
        await Store(tmp_path / "file" / "data", SetClock(NOW), ZONE, lambda _: None).open()


async def test_a_store_has_one_daemon(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StoreError, match=rf"another smartbranch \(process {os.getpid()}\) has it; stop that one"):
            await Store(tmp_path, SetClock(NOW), ZONE, lambda _: None).open()
    async with opened(tmp_path):
        pass


async def test_a_folder_of_any_name_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "50% #1 ?"
    async with opened(folder) as store:
        await store.keep([event()])
    assert (folder / "branch.db").exists()


async def test_what_can_never_be_written_is_told_and_holds_up_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as store:
        unfit = store.submit([Event("ticket.issued", NOW, {"ticket": {1, 2}.__iter__()})])
        beside = store.submit([event()])
        with pytest.raises(TypeError):
            await unfit
        await beside
        await store.keep([event(number=2)])
        assert store.problem is None
        kept = await asyncio.to_thread(store.outbox.pending, Lane.BUSINESS, 0, 10)
    assert [sequence for sequence, _ in kept] == [2, 3]
    assert "something cannot be kept" in caplog.text


async def test_after_the_end_nothing_is_kept_and_nobody_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        pass
    with pytest.raises(StoreClosedError):
        await store.keep([event()])


async def test_retention_takes_what_head_office_has_had_for_long_enough(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        old, new = NOW - 40 * 86_400, NOW
        for t in (old, old, new):
            await store.keep([Event("ticket.issued", t, {}), Event("climate.sampled", t, {})])
        await store.outbox.acknowledge(Lane.BUSINESS, 1)
        await store.outbox.acknowledge(Lane.BULK, 3)
        days = {"before_day": store.day(-30), "bulk_before_day": store.day(-30)}
        assert await store.forget(**days) == 1 + 2
        assert await store.forget(**days) == 0
        left = [await asyncio.to_thread(store.outbox.pending, lane, 0, 10) for lane in (Lane.BUSINESS, Lane.BULK)]
    assert [[sequence for sequence, _ in lane] for lane in left] == [[2, 3], [3]]


def press(identity: str = "next", within_s: float = 0.4, count: int | None = None) -> Occurrence:
    return Occurrence("key.pressed", "1", {"key": "next"}, identity, within_s, count, copy_after_restart_s=2.0, device="callers")


async def test_a_copy_is_one_also_over_a_restart_and_time_that_the_box_was_down_does_not_count(tmp_path: Path) -> None:
    clock = SetClock(NOW)
    async with opened(tmp_path, clock) as store:
        await store.keep([event()], press())
    clock = SetClock(NOW + 3600)
    async with opened(tmp_path, clock) as store:
        clock.advance_to(NOW + 3601.5)
        assert store.repeats.is_copy(press(), store.running_s())
        clock.advance_to(NOW + 3603)
        assert not store.repeats.is_copy(press(), store.running_s())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.01, 1.0)), max_size=30))
def test_a_copy_is_what_came_within_the_window_of_the_last_copy(said: list[tuple[str, float]]) -> None:
    repeats, last_s, now_s = Repeats(1), dict[str, float](), 0.0
    for identity, pause_s in said:
        now_s += pause_s
        expected = identity in last_s and now_s - last_s[identity] <= 0.4
        assert repeats.is_copy(press(identity), now_s) is expected
        if not expected:
            repeats.keep(press(identity), now_s)
        last_s[identity] = now_s


def test_after_as_many_others_as_the_window_the_same_number_is_new() -> None:
    repeats = Repeats(1)
    repeats.keep(press("first", 600, 64), 0.0)
    for other in range(63):
        repeats.keep(press(f"other-{other}", 600, 64), 1.0)
    assert repeats.is_copy(press("first", 600, 64), 2.0)
    repeats.keep(press("last", 600, 64), 2.0)
    assert not repeats.is_copy(press("first", 600, 64), 2.0)


WRITES_ON_A_FULL_DISK = """
import asyncio, pathlib, resource, signal, sys
sys.path.insert(0, sys.argv[2])
from zoneinfo import ZoneInfo
from edge.clock import MachineClock
from edge.event import Event, Lane
from edge.store.store import Store

async def main():
    told = []
    store = Store(pathlib.Path(sys.argv[1]), MachineClock(), ZoneInfo("UTC"), told.append)
    await store.open()
    await store.keep([Event("ticket.issued", 1.0, {"n": 0})])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    waiting = store.submit([Event("ticket.issued", 1.0, {"n": 1, "filling": "x" * 200_000})])
    while not told:
        await asyncio.sleep(0.01)
    print("told", told[0], waiting.done())
    bulk = store.submit([Event("climate.sampled", 1.0, {})])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await waiting
    await bulk
    print("kept", store.outbox.highest(Lane.BUSINESS), store.outbox.highest(Lane.BULK), store.bulk_given_up, told[-1])
    print("to be told", store.given_up(), store.given_up())
    await store.close()

asyncio.run(main())
"""


def test_on_a_full_disk_nothing_is_acknowledged_and_all_is_kept_when_there_is_room(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", WRITES_ON_A_FULL_DISK, str(tmp_path), str(root)], capture_output=True, text=True, timeout=30, check=False
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    lines = done.stdout.splitlines()
    assert lines[0].startswith("told disk I/O error") or lines[0].startswith("told database or disk is full"), done.stderr
    assert lines[0].endswith("False")
    assert lines[1] == "kept 2 0 1 None", done.stderr
    assert lines[2] == "to be told 1 0", done.stderr


KEEPS_UNTIL_KILLED = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[2])
from zoneinfo import ZoneInfo
from edge.clock import MachineClock
from edge.event import Event
from edge.store.store import Store

async def main():
    store = Store(pathlib.Path(sys.argv[1]), MachineClock(), ZoneInfo("UTC"), lambda _: None)
    await store.open()
    first = len(await asyncio.to_thread(store.since, "day.began"))
    for n in range(first, first + 10_000):
        await store.keep([Event("ticket.issued", 1.0, {"n": n})])
        print(n, flush=True)

asyncio.run(main())
"""


def test_what_was_told_as_kept_is_there_after_kill_9(tmp_path: Path) -> None:
    root, told = Path(__file__).parents[3], -1
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", KEEPS_UNTIL_KILLED, str(tmp_path), str(root)], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
        )
        assert writer.stdout
        for line in writer.stdout:
            told = int(line)
            if told % 40 == 39:
                writer.kill()
                break
        told = max([told, *(int(line) for line in writer.stdout)])
        writer.stdout.close()
        assert writer.stderr
        writer.stderr.close()
        writer.wait()
    kept = asyncio.run(_all(tmp_path))
    assert kept == list(range(len(kept)))
    assert len(kept) > told >= 119


async def _all(folder: Path) -> list[int]:
    async with opened(folder) as store:
        return [e.data["n"] for e in await asyncio.to_thread(store.since, "day.began")]
