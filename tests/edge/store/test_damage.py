"""A damaged database: set aside, what can be read of it saved, a new epoch told; and the branch goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from edge.clock import SetClock
from edge.event import Event, Lane
from edge.store.store import Store
from edge.store.writer import StoreClosedError
from tests.edge.store.test_store import NOW, ZONE, event, opened, press

COUNT = 600
CARRIED = {"totals": {}, "inside": None, "crossed_at": 0.0, "devices": {}, "alerts": {}, "plant": {}, "appointments": {}}
PAGE = 4096


async def filled(folder: Path) -> str:
    """A store with some hundred events, the first 100 of them with head office; the epoch."""
    async with opened(folder) as store:
        await store.keep([Event("day.began", NOW, {"day": "2025-11-25", "carried": CARRIED})], press())
        await store.keep([event(number=number) for number in range(1, COUNT)])
        await store.outbox.acknowledge(Lane.BUSINESS, 100)
        return store.outbox.epoch


def spoil(file: Path, page: int, with_: bytes = b"\x00") -> None:
    """Overwrite a page of a database, which is numbered from 1."""
    with file.open("r+b") as disk:
        disk.seek((page - 1) * PAGE)
        disk.write(with_ * (PAGE // len(with_)))


def leaf_of_events(file: Path) -> int:
    """A page in the middle of the events."""
    connection = sqlite3.connect(file)
    try:
        pages = connection.execute("SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY pageno").fetchall()
    except sqlite3.OperationalError:  # built without it: a page well inside
        return int(connection.execute("PRAGMA page_count").fetchone()[0]) // 2
    finally:
        connection.close()
    return int(pages[len(pages) // 2][0])


def aside(folder: Path) -> list[str]:
    """The names of the damaged databases that were set aside, without their logs."""
    return sorted(found.name for found in folder.glob("branch.db.damaged-*") if found.suffix[-4:] not in {"-wal", "-shm"})


async def test_what_can_be_read_goes_on_in_a_new_epoch(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    spoil(tmp_path / "branch.db", leaf_of_events(tmp_path / "branch.db"))
    async with opened(tmp_path) as store:
        assert store.epoch_reason
        assert aside(tmp_path)[0] in store.epoch_reason
        assert store.outbox.epoch != before
        pending = await asyncio.to_thread(store.outbox.pending, Lane.BUSINESS, 0, 2 * COUNT)
        lost = COUNT - 100 - len(pending)
        assert 0 < lost < 200
        assert [sequence for sequence, _ in pending] == list(range(1, len(pending) + 1))
        was = [msgspec.json.decode(body)["was"] for _, body in pending]
        assert {epoch for epoch, _ in was} == {before}
        assert [sequence for _, sequence in was] == sorted(sequence for _, sequence in was)
        assert was[-1][1] == COUNT
        today = await asyncio.to_thread(store.since, "day.began")
        assert today[0].type == "day.began"
        assert len(today) == COUNT - lost
        assert store.repeats.is_copy(press(), store.running_s())  # what was answered stays a copy
        await store.keep([event(number=COUNT)])
        assert store.outbox.highest(Lane.BUSINESS) == len(pending) + 1


@pytest.mark.parametrize("content", [b"\xff\xd8\xff this is a picture ", b"\x00"])
async def test_of_what_is_no_database_nothing_is_saved_and_that_is_told(tmp_path: Path, content: bytes) -> None:
    await filled(tmp_path)
    (tmp_path / "branch.db").write_bytes(content * 9000)
    async with opened(tmp_path) as store:
        assert store.epoch_reason
        assert "0 of its events could be saved" in store.epoch_reason
        await store.keep([event()])


@pytest.mark.parametrize("emptied", [True, False])
async def test_a_database_that_is_gone_is_told_though_one_that_never_was_is_not(tmp_path: Path, emptied: bool) -> None:
    clock = SetClock(NOW)
    async with opened(tmp_path, clock) as store:
        assert store.epoch_reason is None
        clock.advance_to(NOW + 60)
    if emptied:
        (tmp_path / "branch.db").write_bytes(b"")
    else:
        (tmp_path / "branch.db").unlink()
    async with opened(tmp_path) as store:
        assert store.epoch_reason == "the database was gone; a new one was begun"


async def test_the_reason_stays_until_it_is_an_event(tmp_path: Path) -> None:
    await filled(tmp_path)
    (tmp_path / "branch.db").write_bytes(b"no database" * 500)
    reasons = []
    for _ in range(2):
        async with opened(tmp_path) as store:
            reasons.append(store.epoch_reason)
    async with opened(tmp_path) as store:
        await store.keep([Event("outbox.epoch_began", NOW, {"reason": store.epoch_reason})])
    async with opened(tmp_path) as store:
        reasons.append(store.epoch_reason)
    assert reasons[0]
    assert reasons[0] == reasons[1]
    assert reasons[2] is None


async def test_saving_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    (tmp_path / "branch.db").rename(tmp_path / "branch.db.damaged-20260101T000000")
    (tmp_path / "branch.db.new").write_bytes(b"half of it")
    async with opened(tmp_path) as store:
        assert store.epoch_reason
        assert f"{COUNT} of its events could be saved" in store.epoch_reason
        assert store.outbox.epoch != before
        assert store.outbox.backlog() == COUNT - 100


async def test_damage_that_shows_while_it_runs_ends_the_store_and_the_next_sets_it_aside(tmp_path: Path) -> None:
    await filled(tmp_path)
    store = Store(tmp_path, SetClock(NOW), ZONE, lambda _: None)
    await store.open()
    for page in range(2, (tmp_path / "branch.db").stat().st_size // PAGE + 1):
        spoil(tmp_path / "branch.db", page, b"\xa5\x5a")
    with pytest.raises(StoreClosedError):
        await worked(store)
    async with asyncio.timeout(10):
        await store.damaged.wait()
    await store.close()
    async with opened(tmp_path) as after:
        assert after.epoch_reason
        assert aside(tmp_path)
        await after.keep([event()])


async def worked(store: Store) -> None:
    """Write and read until the damage shows, whichever page is looked at first."""
    for number in range(3 * COUNT):
        await store.keep([event(number=number)], press(f"press {number}"))
        await asyncio.to_thread(store.outbox.range, Lane.BUSINESS, 1, COUNT)


async def test_only_the_newest_of_many_damaged_ones_are_kept(tmp_path: Path) -> None:
    for month in range(1, 6):
        (tmp_path / f"branch.db.damaged-20260{month}01T000000").write_bytes(b"x")
    (tmp_path / "branch.db").write_bytes(b"no database" * 500)
    async with opened(tmp_path):
        assert len(aside(tmp_path)) == 3
