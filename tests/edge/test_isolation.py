"""Isolation: a driver that fails is told once, is started again ever later, and takes nothing else with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from devices.driver import DriverError
from devices.reading import Sample
from edge.isolation import isolated
from edge.replay import StandingLoop
from edge.store.writer import StoreClosedError

Run = Callable[[], Awaitable[None]]


def passed(run: Run, for_s: float) -> tuple[list[tuple[float, Sample]], list[float]]:
    """What an isolated run tells, and when it is begun, in `for_s` seconds of a clock that stands."""
    loop = StandingLoop()
    told: list[tuple[float, Sample]] = []
    began: list[float] = []

    async def counted() -> None:
        began.append(loop.time())
        await run()

    async def main() -> None:
        task = asyncio.create_task(isolated("d", counted, lambda sample: told.append((loop.time(), sample))))
        while loop.time() < for_s and not task.done():
            for _ in range(5):
                await asyncio.sleep(0)
            loop.move_to(loop.time() + 0.5)
        task.cancel()
        if isinstance(failed := (await asyncio.gather(task, return_exceptions=True))[0], StoreClosedError):
            raise failed

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return told, began


async def fail() -> None:
    raise DriverError("no profile is there; write one")


async def slip() -> None:
    await asyncio.gather(asyncio.sleep(0), slip_inside())


async def slip_inside() -> None:
    raise ExceptionGroup("of tasks", [ZeroDivisionError("division by zero"), ZeroDivisionError("division by zero")])


async def end() -> None:
    return


def test_it_is_tried_again_ever_later_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    told, began = passed(fail, 600)
    pauses = [round(after - before) for before, after in pairwise(began)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert {(sample.value, sample.reason and sample.reason["en"]) for _, sample in told} == {
        ("faulty", "its driver failed: no profile is there; write one")
    }
    assert [record.message for record in caplog.records] == ["d: no profile is there; write one"]


def test_a_slip_of_a_driver_is_logged_with_its_trace_and_told_without_its_groups(caplog: pytest.LogCaptureFixture) -> None:
    told, _ = passed(slip, 5)
    assert told[0][1].reason == {"en": "its driver failed: division by zero", "zh-CN": "驱动出错：division by zero"}
    (record,) = caplog.records
    assert record.exc_info


def test_a_driver_that_ends_by_itself_has_failed() -> None:
    told, began = passed(end, 5)
    assert told[0][1].value == "faulty"
    assert len(began) == 3


def test_a_driver_that_works_again_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runs = iter([fail, fail])

    async def twice() -> None:
        await next(runs, asyncio.Event().wait)()

    told, began = passed(twice, 60)
    assert [sample.value for _, sample in told] == ["faulty", "faulty", "online"]
    assert 10 <= told[-1][0] - began[-1] <= 11
    assert [record.message for record in caplog.records] == ["d: no profile is there; write one", "d: its driver works again"]


def test_a_driver_that_fails_now_and_then_is_told_each_time_anew(caplog: pytest.LogCaptureFixture) -> None:
    async def hourly() -> None:
        await asyncio.sleep(100)
        raise DriverError("again")

    _, began = passed(hourly, 500)
    assert [round(after - before) for before, after in pairwise(began)] == [101] * (len(began) - 1)
    assert len(caplog.records) == len(began) - 1 > 3


def test_a_store_that_is_closed_is_no_fault_of_a_device() -> None:
    async def closed() -> None:
        raise StoreClosedError("stopped")

    with pytest.raises(StoreClosedError):
        passed(closed, 5)
