"""The whole simulated branch on real wires: served by the smallest host there can be, the truth and the host agree."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest
from pymodbus.client import AsyncModbusTcpClient

from devices.simulated.branch import SimulatedBranch
from devices.simulated.broker import EmbeddedBroker
from devices.simulated.frames import KEYS, BusFrame, bus_frames
from devices.simulated.scenario import COUNTERS
from tests.devices.simulated.host import Host, until
from tests.devices.simulated.listener import at_work

At = Callable[[float], float]
NAMES = {code: key for key, code in KEYS.items()}


class SmallHost:
    """Takes tickets, acknowledges, echoes presses once each, and calls the first ticket that a counter may serve."""

    def __init__(self, branch: SimulatedBranch, port: int) -> None:
        self.tickets: dict[str, str] = {}
        self.presses: Counter[tuple[str, str]] = Counter()
        self.ratings: Counter[int] = Counter()
        self._waiting: list[str] = []
        self._line, self._port = Host(branch.equipment.wires["callers"].address), port
        self._last: dict[bytes, float] = {}

    async def run(self) -> None:
        try:
            async with aiomqtt.Client("127.0.0.1", self._port) as client:
                await client.subscribe("bank/tickets/ticket", qos=1)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._take_tickets(client))
                    both.create_task(self._hear())
        finally:
            self._line.close()

    async def _take_tickets(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            said = json.loads(message.payload)  # type: ignore[arg-type]  # bytes
            if said["ticket"] not in self.tickets:
                self.tickets[said["ticket"]] = said["service"]
                self._waiting.append(said["ticket"])
            await client.publish("bank/tickets/ack", json.dumps({"seq": said["seq"]}))

    async def _hear(self) -> None:
        while True:
            await self._line.until(bool)
            for frame in bus_frames(self._line.heard):
                self._take(frame)
            await asyncio.sleep(0.005)

    def _take(self, frame: BusFrame) -> None:
        now, wire = asyncio.get_running_loop().time(), frame.encode()
        is_copy = now - self._last.get(wire, -1.0) < 0.4
        self._last[wire] = now
        self._line.say(BusFrame(frame.address, 1, frame.data).encode())
        if is_copy:
            return
        if frame.command == 0x11:
            self.ratings[frame.data[0]] += 1
            return
        counter, key = str(frame.address), NAMES[frame.data]
        self.presses[counter, key] += 1
        if key == "next":
            called = next((ticket for ticket in self._waiting if self.tickets[ticket] in COUNTERS[counter]), None)
            if called:
                self._waiting.remove(called)
                self._line.say(BusFrame(frame.address, 2, bytes([10, 10, ord(called[0]), *map(int, called[1:])])).encode())


async def test_half_an_hour_in_seconds_agrees_with_the_host(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(9.5), speed=200) as branch:
        host = SmallHost(branch, embedded_broker.port)
        async with at_work(host.run()):
            await until(lambda: sum(one.outcome == "served" for one in branch.truth.finished) >= 8)
            assert await branch.settle()
            truth = branch.truth
            assert [issued.ticket for issued in truth.tickets] == list(host.tickets)
            assert all(issued.acknowledged for issued in truth.tickets)
            kept = Counter((press.counter, press.key) for press in truth.presses)
            assert kept <= host.presses
            assert (host.presses - kept).total() <= truth.presses_given_up
            assert Counter(rating.rating for rating in truth.ratings) == host.ratings
    assert truth.inside == sum(truth.people.values())
    assert truth.door_in >= len(truth.tickets)
    assert all(one.issued_at <= one.called_at <= one.started_at <= one.finished_at for one in truth.finished if one.outcome == "served")  # type: ignore[operator]  # all happened
    assert all(press.echoed >= press.t for press in truth.presses)


async def test_what_a_gateway_is_told_moves_the_building_and_is_true(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(12), speed=600) as branch:
        client = AsyncModbusTcpClient("127.0.0.1", port=branch.equipment.plant.port)
        await client.connect()
        await client.write_register(1, 1, device_id=1)
        await client.write_register(2, 300, device_id=1)
        warm = branch.world.building.air["hall"].temperature_c
        await until(lambda: branch.world.building.air["hall"].temperature_c > warm + 1)
        client.close()
        assert [(one.device, one.quantity, one.value) for one in branch.truth.commands] == [
            ("hall-ac", "mode", "heat"),
            ("hall-ac", "setpoint_c", 30.0),
        ]


async def test_behind_a_closed_door_nobody_comes_until_it_opens(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(9.5), speed=500, closed=True) as branch:
        line = Host(branch.equipment.wires["door"].address)
        await line.until(lambda heard: len(heard) >= 23)
        assert branch.truth.door_in == 0
        await branch.open_door()
        began = branch.clock.now()
        await until(lambda: branch.truth.door_in > 3)
        assert all(visit.customer.arrives_at > began - 60 for visit in branch.world.crowd.visits.values())
        line.close()


async def test_nobody_answers_and_it_says_so(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(9.5), speed=200) as branch:
        await until(lambda: branch.truth.tickets and branch.truth.presses_given_up)
        assert not await branch.settle(timeout_s=2.0)
        assert branch.truth.presses == []
        assert not any(issued.acknowledged for issued in branch.truth.tickets)


async def test_what_its_user_raises_comes_out_as_it_is_and_all_wires_go(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    with pytest.raises(LookupError, match="of the user"):
        async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(9.5)):
            raise LookupError("of the user")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_its_file_names_wires_that_are_there(tmp_path: Path, embedded_broker: EmbeddedBroker, at: At) -> None:
    async with SimulatedBranch(tmp_path, embedded_broker.url, seed=4, start=at(9.5), camera=True) as branch:
        text = branch.branch_yaml()
        for wire in branch.equipment.wires.values():
            assert wire.address in text
        assert f"127.0.0.1:{branch.equipment.plant.port}" in text
        assert branch.equipment.camera is not None
        assert branch.equipment.camera.url in text
    assert "authority" in text
