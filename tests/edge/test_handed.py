"""The branch as a driver is handed it: while a line is away its reason is what is told, over a driver's restart too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from devices.driver import text
from devices.links.lines import Lines
from devices.links.serial import SerialSettings
from devices.reading import Command, Outcome, Sample
from edge.clock import SetClock
from edge.handed import Handed
from edge.mailbox import Mailbox
from tests.daemon import Adapter


class Ledger:
    """What of an engine a driver's branch needs: it keeps what it is told."""

    def __init__(self) -> None:
        self.clock = SetClock(1000.0)
        self.samples: list[Sample] = []
        self.outcomes: list[tuple[Command, Outcome, str]] = []
        self.mailboxes = {"d": Mailbox(lambda command: self.outcome(command, Outcome.EXPIRED, "replaced"))}

    def measured(self, _device: str, sample: Sample) -> None:
        self.samples.append(sample)

    def outcome(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        self.outcomes.append((command, outcome, detail))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.samples) < count:  # noqa: ASYNC110 (what is told tells nobody)
                await asyncio.sleep(0.005)


def handed(engine: Any, lines: Lines) -> Handed:
    return Handed("d", engine, lines)


async def test_a_driver_begun_anew_while_its_line_is_away_knows_that(tmp_path: Path) -> None:
    engine, adapter = Ledger(), Adapter(tmp_path / "tty")
    settings = SerialSettings.model_validate({"serial": str(adapter.path)})
    silent = Sample("state", "stale", reason=text("nothing heard", "没有数据"))
    async with Lines() as lines:
        for _ in range(2):  # the second is the driver started again
            before = len(engine.samples)
            branch = handed(engine, lines)
            async with branch.open(settings):
                await engine.until(before + 1)
                branch.measured(silent)
                assert [sample.value for sample in engine.samples[before:]] == ["offline"]
        branch = handed(engine, lines)
        async with branch.open(settings):
            branch.measured(silent)
            adapter.plug()
            await engine.until(4)
            assert engine.samples[-1] == silent  # the line is back: what the driver had said of its device holds again
    adapter.unplug()


async def test_what_its_time_is_over_is_not_done(tmp_path: Path) -> None:
    engine = Ledger()
    async with Lines() as lines:
        branch = handed(engine, lines)
        late, due = Command("light_pct", 10, until=999.0), Command("fan_pct", 20, until=1001.0)
        for command in (late, due):
            engine.mailboxes["d"].put(command)
        assert await anext(aiter(branch.commands())) is due
    assert engine.outcomes == [(late, Outcome.EXPIRED, "")]


def test_the_newest_of_a_quantity_waits_and_of_calls_every_one() -> None:
    engine = Ledger()
    box = engine.mailboxes["d"]
    for number in range(3):
        box.put(Command("light_pct", number, id=f"a{number}"))
        box.put(Command("call", str(number), part="1", id=f"b{number}"))
    assert [command.value for command, _, _ in engine.outcomes] == [0, 1]
    assert [command.value for command in box._waiting.values()] == ["0", "1", 2, "2"]
    for number in range(1000):
        box.put(Command("print_ticket", number, id=f"c{number}"))
    assert len(box._waiting) == 256
    assert len(engine.outcomes) == 2 + 4 + 1000 - 256
