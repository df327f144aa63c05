"""Serial drivers against simulated devices on a bad wire: what is acknowledged is there once, and nothing is invented."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from devices import beam_counter, counter_bus, ticket_machine
from devices.beam_counter import Line, decode
from devices.reading import Outcome
from devices.simulated.clock import RunningClock
from devices.simulated.counter_devices import CounterDevices
from devices.simulated.faults import Faults
from devices.simulated.machine_serial import SerialTicketMachine
from devices.simulated.printer import EscPosPrinter
from devices.simulated.wire import PtyWire
from tests.devices.fakes import FakeBranch, running
from tests.devices.test_beam_counter import wire as beam_frames

BAUD = 115_200


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[PtyWire]:
    """A serial adapter that is plugged in."""
    wire = PtyWire(tmp_path / "ttyUSB0", BAUD)
    await wire.plug()
    yield wire
    await wire.unplug()


def bad(seed: int, *, deaf: float = 0.1) -> Faults:
    return Faults(seed, lost=0.1, doubled=0.1, garbled=0.15, noise=0.15, deaf=deaf)


def link(wire: PtyWire) -> dict[str, object]:
    return {"serial": wire.address, "baud": BAUD}


async def test_presses_on_a_bad_bus(wire: PtyWire) -> None:
    counters = {"1": 1, "2": 2, "3": 3}
    devices = CounterDevices(wire, counters, lambda _counter, _ticket: None, faults=Faults(4), seed=4)
    branch = FakeBranch()
    settings = counter_bus.Settings.model_validate(
        {"link": link(wire), "counters": {address: counter for counter, address in counters.items()}, "presence_every_s": 0.3}
    )
    acknowledged: Counter[tuple[str, str]] = Counter()
    given_up: Counter[tuple[str, str]] = Counter()

    async def press(counter: str) -> None:
        for _ in range(3):
            for key in ("next", "confirm", "ask_rating", "no_show", "recall"):
                (acknowledged if await devices.press(counter, key) else given_up)[counter, key] += 1
                branch.tell("waiting", len(branch.occurrences), counter)
            await asyncio.sleep(0.5)  # the same key within 400 ms would be a copy

    async with running(partial(counter_bus.run, settings, branch)):
        await branch.until(lambda: all(branch.states(counter) == ["online"] for counter in counters))
        devices.faults = bad(4, deaf=0.0)  # a lost echo and a lost copy after it are another press by the format's 400 ms
        async with asyncio.timeout(50), asyncio.TaskGroup() as everybody:
            for counter in counters:
                everybody.create_task(press(counter))
    kept = Counter((occurrence.part, str(occurrence.data["key"])) for occurrence in branch.occurrences)
    assert acknowledged.total() > 20
    assert all(acknowledged[press] <= kept[press] <= acknowledged[press] + given_up[press] for press in {*acknowledged, *given_up, *kept})


async def test_tickets_of_a_machine_on_a_bad_line(wire: PtyWire) -> None:
    machine = SerialTicketMachine(wire, RunningClock(1_795_000_000.0), lambda _: None, heartbeat_s=0.1, faults=Faults(7))
    branch = FakeBranch()
    settings = ticket_machine.Settings.model_validate({"link": link(wire), "heartbeat_every_s": 0.5})
    async with running(partial(ticket_machine.run, settings, branch)), running(machine.run):
        await branch.until(lambda: branch.states() == ["online"])
        machine.faults = bad(7)
        async with asyncio.timeout(50):
            for _ in range(60):
                await machine.issue("A", "normal")
    kept = Counter(str(occurrence.data["ticket"]) for occurrence in branch.occurrences)
    assert len(machine.acknowledged) > 40
    assert set(kept.values()) == {1}
    assert set(machine.acknowledged) <= set(kept) <= {*machine.acknowledged, *machine.given_up}


async def test_what_is_confirmed_was_printed_once(wire: PtyWire) -> None:
    printer = EscPosPrinter(wire, left=12)
    branch = FakeBranch()
    settings = ticket_machine.Settings.model_validate({"printer": link(wire), "confirmed_within_s": 0.2})
    async with running(partial(ticket_machine.run, settings, branch)), running(printer.run):
        await branch.until(lambda: "online" in branch.states())
        printer.faults = Faults(3, lost=0.2, garbled=0.1)
        for number in range(1, 16):
            branch.tell("print_ticket", json.dumps({"ticket": f"A{number:03d}"}))
        await branch.until(lambda: len(branch.outcomes) == 15, limit_s=55)
    printed = Counter(text.split()[0] for text in printer.printed)
    outcomes = {json.loads(str(command.value))["ticket"]: outcome for command, outcome, _ in branch.outcomes}
    assert set(printed.values()) == {1}
    confirmed = {ticket for ticket, outcome in outcomes.items() if outcome is Outcome.CONFIRMED}
    failed = {ticket for ticket, outcome in outcomes.items() if outcome is Outcome.FAILED}
    assert confirmed
    assert confirmed <= set(printed)
    assert not failed & set(printed)
    assert {occurrence.data["ticket"] for occurrence in branch.occurrences} == set(outcomes)


async def test_a_line_that_is_pulled_out_is_told_by_its_link_and_heals(wire: PtyWire) -> None:
    branch = FakeBranch()
    settings = beam_counter.Settings.model_validate({"link": link(wire), "period_s": 0.05})
    async with running(partial(beam_counter.run, settings, branch)):

        async def spoken(first: int) -> None:
            before = len(branch.samples)
            while not any(sample.quantity == "in_total" for sample in branch.samples[before:]):
                await wire.send(beam_frames(first, [1, 1], total=0))

        await spoken(1)
        await wire.unplug()
        await branch.until(lambda: branch.states()[-1] == "offline" and "plugged in" in branch.reason())
        told = len(branch.samples)
        await asyncio.sleep(0.5)  # ten periods of silence, of which nothing is told: the link has said why
        assert [sample for sample in branch.samples[told:] if sample.quantity == "state"] == []
        await wire.plug()
        async with asyncio.timeout(20):
            await spoken(9)
        assert branch.states()[-1] == "online"


def test_beam_frames_spoiled_at_every_place_and_in_every_way() -> None:
    """All of it, not a sample: each byte of the middle frame missing, doubled, and as each other byte."""
    sent = beam_frames(252, [0, 3, 1, 2, 0], total=65_530)
    true = {65_530, 65_533, 65_534, 0}
    for at in range(2 * 23, 3 * 23):
        for instead in [b"", sent[at : at + 1] * 2, *(bytes([byte]) for byte in range(256))]:
            line = Line()
            found = [frame for frame in decode(bytearray(sent[:at] + instead + sent[at + 1 :])) if line.believe(frame)]
            assert {frame.total_in for frame in found} <= true
            assert {frame.total_out for frame in found} == {200}
