"""The serial ticket machine on a real tty: acknowledged frames, repeats, the clock, calls."""

from __future__ import annotations

import asyncio

import pytest

from devices.simulated.clock import RunningClock
from devices.simulated.faults import Faults
from devices.simulated.machine_frames import ACKNOWLEDGEMENT, CALL, CLOCK, CLOCK_REQUEST, HEARTBEAT, ISSUED, MachineFrame, machine_frames
from devices.simulated.machine_serial import SerialTicketMachine
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host, until

TICKET = bytes.fromhex("02 0B 01 01 00 01 02 05 41 00 01 01 00")  # up to the check: sequence 1, A001, care, printed


def machine_on(wire: PtyWire, calls: list[object] | None = None, **how: object) -> SerialTicketMachine:
    told = calls if calls is not None else []
    return SerialTicketMachine(wire, RunningClock(1_795_000_000.0), told.append, **how)  # type: ignore[arg-type]  # given by name


async def test_a_ticket_is_told_until_acknowledged(wire: PtyWire, host: Host) -> None:
    machine = machine_on(wire)
    issuing = asyncio.create_task(machine.issue("A", "care"))
    heard = await host.until(lambda heard: len(heard) >= 16)
    assert heard.startswith(TICKET)
    host.say(MachineFrame(0, 9, ACKNOWLEDGEMENT).encode())  # of another
    await host.until(lambda heard: heard.count(TICKET) == 2)
    host.say(MachineFrame(0, 1, ACKNOWLEDGEMENT).encode())
    assert await issuing == ("A001", True)
    assert (machine.acknowledged, machine.given_up) == (["A001"], [])


async def test_it_gives_up_after_three_repeats(wire: PtyWire, host: Host) -> None:
    machine = machine_on(wire)
    assert await machine.issue("A", "care") == ("A001", False)
    assert bytes(host.heard).count(TICKET) == 4
    assert machine.given_up == ["A001"]


async def test_a_patient_one_begins_again_with_the_same_frame(wire: PtyWire, host: Host) -> None:
    issuing = asyncio.create_task(machine_on(wire, patient=True).issue("A", "care"))
    await host.until(lambda heard: heard.count(TICKET) == 6)
    host.say(MachineFrame(0, 1, ACKNOWLEDGEMENT).encode())
    assert await issuing == ("A001", True)


async def test_it_asks_for_the_clock_and_beats(wire: PtyWire, host: Host) -> None:
    machine = machine_on(wire, heartbeat_s=0.02)
    running = asyncio.create_task(machine.run())
    heard = await host.until(lambda heard: len(heard) >= 10 + 15 + 15)
    frames = list(machine_frames(bytearray(heard)))
    assert [(frame.type, frame.sequence) for frame in frames[:3]] == [(CLOCK_REQUEST, 1), (HEARTBEAT, 2), (HEARTBEAT, 3)]
    host.say(MachineFrame(0, 1, CLOCK, bytes.fromhex("6B 04 E8 D9")).encode())
    await until(lambda: machine.clock_s == 0x6B04E8D9)
    running.cancel()


async def test_a_call_of_the_host_is_answered_with_its_number(wire: PtyWire, host: Host) -> None:
    calls: list[object] = []
    machine_on(wire, calls)
    host.say(bytes.fromhex("02 0B 01 00 00 06 08 05 03 41 00 0C 01 18 66 03"))
    heard = await host.until(bool)
    assert list(machine_frames(bytearray(heard))) == [MachineFrame(1, 6, ACKNOWLEDGEMENT)]
    assert calls == [{"ticket": "A012", "counter": "3", "action": "call"}]


@pytest.mark.parametrize(("key", "payload"), [("next", b"\x0c"), ("A", b"A")])
async def test_keys_and_calls_of_the_machine(wire: PtyWire, host: Host, key: str, payload: bytes) -> None:
    machine = machine_on(wire, faults=Faults(deaf=1.0))
    assert await machine.press(key) is False
    assert await machine.call(3, "A012", "no_show") is False
    assert await machine.status(paper=2, cover=1) is False
    frames = list(machine_frames(bytearray(host.heard)))
    assert [frame.payload for frame in frames[::4]] == [payload, bytes.fromhex("03 41 00 0C 05"), b"\2\1\0"]
    assert frames[4].type == CALL


async def test_restarted_it_begins_at_one(wire: PtyWire, host: Host) -> None:
    machine = machine_on(wire, faults=Faults(deaf=1.0))
    await machine.issue("A", "normal")
    machine.restart()
    await machine.issue("A", "normal")
    frames = list(machine_frames(bytearray(host.heard)))
    assert {(frame.type, frame.sequence) for frame in frames} == {(ISSUED, 1)}
    assert len({frame.payload for frame in frames}) == 2
