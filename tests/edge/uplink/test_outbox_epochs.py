"""The outbox and a new epoch: nothing is out of count, also what is on its way to the disk just then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from edge.clock import SetClock
from edge.event import Event, Lane
from edge.store.store import Store


async def test_counts_what_is_written_while_the_epoch_changes(tmp_path: Path) -> None:
    store = Store(tmp_path, SetClock(1_764_034_265.0), ZoneInfo("Asia/Shanghai"), lambda _: None)
    await store.open()
    try:
        await store.keep([Event("ticket.issued", 1.0, {"number": number}) for number in range(10)])
        await store.outbox.acknowledge(Lane.BUSINESS, 6)
        before = store.outbox.epoch
        on_its_way = store.submit([Event("ticket.issued", 1.0, {"number": 10})])
        beginning = asyncio.create_task(store.outbox.begin_epoch({Lane.BUSINESS: 5}))
        await asyncio.sleep(0)
        after = store.submit([Event("ticket.issued", 1.0, {"number": 11})])
        await asyncio.gather(on_its_way, beginning, after)
        rows = await asyncio.to_thread(store.outbox.range, Lane.BUSINESS, 1, 100)
        told = [(sequence, event.get("was"), event["data"]["number"]) for sequence, wire in rows for event in [msgspec.json.decode(wire)]]
        assert told == [(number - 3, [before, number + 1], number) for number in range(4, 11)] + [(8, None, 11)]
        assert (store.outbox.highest(Lane.BUSINESS), store.outbox.acknowledged(Lane.BUSINESS)) == (8, 0)
    finally:
        await store.close()
