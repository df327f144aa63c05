"""The engine: what was kept is told and done whoever still waits for it; jumps of the clock are noticed before anything is judged by it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from devices.reading import Command, Occurrence, Outcome, Sample
from edge.branch.plan import Counter, Device, Plan, Service
from edge.clock import SetClock
from edge.engine import Engine
from edge.event import Event
from edge.store.outbox import Numbered
from edge.store.store import Store
from edge.store.writer import StoreClosedError
from tests.edge.branch.branches import plan as whole_plan

NOON = 1_795_492_800.0  # 2026-11-24 12:00 in Shanghai
YEAR_S = 365 * 86_400.0


def small_plan() -> Plan:
    display = Device("display", "window_display", {}, quantities=("waiting", "ticket"), links_to={"1": "1"})
    tickets = Device("tickets", "ticket_machine", {}, stale_after_s=0.0)
    return whole_plan(
        devices={"display": display, "tickets": tickets},
        services={"cash": Service("cash", {}, "A")},
        counters={"1": Counter("1", ("cash",))},
        doors={},
        zones={},
    )


def ticket(number: int) -> Occurrence:
    name = f"A{number:03d}"
    data = {"ticket": name, "service": "cash", "prefix": "A", "number": number, "class": "normal", "print": "ok", "issued_at": None}
    return Occurrence("ticket.issued", "", data, f"t{number}", 600.0, 64)


class Held:
    """A job on the writing thread that lasts until it is let go, as a slow disk does."""

    def __init__(self, store: Store) -> None:
        self._gate = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._done = store.writer.submit(self._wait)

    def _wait(self, _: sqlite3.Connection) -> None:
        asyncio.run_coroutine_threadsafe(self._gate.wait(), self._loop).result(20)

    async def let_go(self) -> None:
        self._gate.set()
        await self._done


@asynccontextmanager
async def engine_in(folder: Path, clock: SetClock) -> AsyncIterator[Engine]:
    plan = small_plan()
    store = Store(folder, clock, plan.timezone, lambda _: None)
    await store.open()
    engine = Engine(plan, store, clock, lambda: None)
    await engine.resume()
    engine._second()
    try:
        yield engine
    finally:
        await store.close()


def listen(engine: Engine) -> list[str]:
    told: list[str] = []

    def heard(numbered: list[Numbered]) -> None:
        told.extend(one.event.type for one in numbered)

    engine.listeners.append(heard)
    return told


def waiting_shown(engine: Engine) -> Command | None:
    return engine.mailboxes["display"]._waiting.get(("waiting", "1"))


async def test_a_driver_that_is_cancelled_while_the_disk_works_takes_nothing_with_it(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        told, disk = listen(engine), Held(engine.store)
        driver = asyncio.create_task(engine.happened("tickets", ticket(1)))
        asking = asyncio.create_task(engine.ask("open_counter", {"counter": "1"}, "test"))
        await asyncio.sleep(0)
        for task in (driver, asking):
            task.cancel()
        await asyncio.gather(driver, asking, return_exceptions=True)
        assert "ticket.issued" not in told
        await disk.let_go()
        await engine.store.keep([])
        assert {"ticket.issued", "counter.opened", "request.answered"} <= set(told)
        shown = waiting_shown(engine)
        assert shown
        assert shown.value == 1


async def test_a_copy_returns_no_sooner_than_what_it_is_a_copy_of_is_kept(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        disk = Held(engine.store)
        both = [asyncio.create_task(engine.happened("tickets", ticket(1))) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(task.done() for task in both)
        await disk.let_go()
        await asyncio.gather(*both)
        assert engine.occurrences_taken == 1


async def test_what_was_not_kept_is_no_copy_when_it_comes_again(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        await asyncio.to_thread(engine.store.writer.close)
        with pytest.raises(StoreClosedError):
            await engine.happened("tickets", ticket(1))
        known = msgspec.structs.replace(ticket(1), device="tickets")
        assert not engine.store.repeats.is_copy(known, engine.store.running_s())


@pytest.mark.parametrize("by_s", [YEAR_S, -YEAR_S, 3 * 3600.0])
async def test_what_happens_right_after_a_jump_of_the_clock_is_judged_by_the_new_time(tmp_path: Path, by_s: float) -> None:
    clock = SetClock(NOON)
    async with engine_in(tmp_path, clock) as engine:
        told = listen(engine)
        await engine.happened("tickets", ticket(1))
        clock._now += by_s  # the wall alone
        await engine.happened("tickets", ticket(2))
        assert told.count("clock.jumped") == 1
        assert "ticket.abandoned" not in told
        assert [t.issued_at for t in engine.core.state.queue.tickets.values()] == [NOON + by_s, NOON + by_s]


async def test_a_clock_that_went_back_while_the_box_was_down_is_a_jump(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        await engine.happened("tickets", ticket(1))
    async with engine_in(tmp_path, SetClock(NOON - YEAR_S)) as engine:
        await engine.store.keep([])
        jumps = [event for event in await asyncio.to_thread(engine.store.since, "day.began") if event.type == "clock.jumped"]
        assert [event.data["by_s"] for event in jumps] == [-YEAR_S]
        assert engine.core.state.queue.tickets["A001"].issued_at == NOON - YEAR_S


async def test_displays_show_what_is_so_after_a_start(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        await engine.happened("tickets", ticket(1))
    async with engine_in(tmp_path, SetClock(NOON + 5)) as engine:
        shown = waiting_shown(engine)
        assert shown
        assert shown.value == 1


async def test_what_was_given_up_on_a_full_disk_is_an_event_afterwards(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        told = listen(engine)
        engine.store.problem = "database or disk is full"
        assert (await engine.ask("open_counter", {"counter": "1"}, "test")).error == (
            "nothing can be kept just now (database or disk is full); free some room on the disk and ask again"
        )
        engine.store.untold = 7
        engine._second()
        await engine.store.keep([])
        assert "outbox.bulk_given_up" not in told
        engine.store.problem = None
        engine._second()
        engine._second()
        await engine.store.keep([])
        assert told.count("outbox.bulk_given_up") == 1


async def test_the_newest_sample_of_a_quantity_is_looked_at_and_the_inbox_is_bounded(tmp_path: Path) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        for number in range(10_000):
            engine.measured("tickets", Sample("paper_pct", number % 100, part=str(number % 5000)))
        assert len(engine._inbox) <= 4096
        assert engine.samples_replaced == 10_000 - len(engine._inbox)
        engine._take_samples()
        assert engine.samples_taken == 4096


async def test_a_command_that_never_takes_is_logged_once_until_it_took(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "edge.engine")
    command = Command("light_pct", 100.0, device="display", why={}, until=NOON + 60)
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        for outcome in (Outcome.NOT_CONFIRMED, Outcome.REFUSED, Outcome.CONFIRMED, Outcome.NOT_CONFIRMED):
            engine.outcome(command, outcome, "nothing came")
    said = [record.getMessage() for record in caplog.records if "light_pct" in record.getMessage()]
    assert said == ["display: light_pct 100.0: not_confirmed nothing came"] * 2


async def test_an_event_that_lacks_something_does_not_keep_the_branch_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with engine_in(tmp_path, SetClock(NOON)) as engine:
        await engine.happened("tickets", ticket(1))
        await engine.store.keep([Event("ticket.issued", NOON, {"who": "another version"}), Event("alert.raised", NOON, {"alert": "x"})])
        await engine.happened("tickets", ticket(2))
    async with engine_in(tmp_path, SetClock(NOON + 5)) as engine:
        assert list(engine.core.state.queue.tickets) == ["A001", "A002"]
    assert caplog.text.count("cannot be taken up and is left out") == 2
