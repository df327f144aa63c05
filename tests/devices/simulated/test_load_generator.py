"""The load generator: at its rates, with a truth that a host can be compared with, through killed brokers."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.simulated.broker import EmbeddedBroker
from devices.simulated.frames import BusFrame, bus_frames
from devices.simulated.load import Load, Rates
from tests.devices.simulated.host import Host, until
from tests.devices.simulated.listener import at_work


async def acknowledging(port: int, tickets: Counter[int]) -> None:
    """Acknowledge tickets for ever, over broken connections."""
    while True:
        try:
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe("load/tickets/ticket", qos=1)
                async for message in client.messages:
                    sequence = json.loads(message.payload)["seq"]  # type: ignore[arg-type]  # bytes
                    tickets[sequence] += 1
                    await client.publish("load/tickets/ack", json.dumps({"seq": sequence}))
        except aiomqtt.MqttError:
            await asyncio.sleep(0.02)


async def echoing(load: Load, pressed: Counter[str]) -> None:
    """Echo what is pressed, counting each press once."""
    await until(lambda: Path(load.wire.address).is_symlink())
    line, last, loop = Host(load.wire.address), dict[bytes, float](), asyncio.get_running_loop()
    try:
        while True:
            await line.until(bool)
            for frame in bus_frames(line.heard):
                wire = frame.encode()
                pressed[wire.hex()] += loop.time() - last.get(wire, -1.0) >= 0.4
                last[wire] = loop.time()
                line.say(BusFrame(frame.address, 1, frame.data).encode())
            await asyncio.sleep(0.002)
    finally:
        line.close()


async def test_what_is_acknowledged_is_what_the_host_has(tmp_path: Path, embedded_broker: EmbeddedBroker) -> None:
    rates = Rates(counters=4, presses_per_s=12, tickets_per_s=20, sensors=5, samples_per_s=200)
    load, tickets, pressed = Load(tmp_path, embedded_broker.url, rates, seed=2), Counter[int](), Counter[str]()
    async with at_work(acknowledging(embedded_broker.port, tickets), echoing(load, pressed)):
        assert await load.run(2.0)
    truth = load.truth
    assert all(issued.acknowledged for issued in truth.tickets)
    assert len(truth.tickets) == len(tickets) > 10
    assert len({issued.ticket for issued in truth.tickets}) == len(truth.tickets)
    kept, given_up = len(truth.presses) + len(truth.ratings), len(truth.presses_given_up) + len(truth.ratings_given_up)
    assert 6 < kept <= sum(pressed.values()) <= kept + given_up
    assert truth.samples > 200


async def test_a_killed_broker_stops_nothing(tmp_path: Path, mosquitto: Any) -> None:
    rates = Rates(counters=1, presses_per_s=0, tickets_per_s=20, sensors=2, samples_per_s=50)
    load, tickets = Load(tmp_path, mosquitto.url, rates), Counter[int]()
    async with at_work(acknowledging(mosquitto.port, tickets)):
        running = asyncio.create_task(load.run(3.0))
        await until(lambda: len(tickets) > 4)
        mosquitto.kill()
        await until(lambda: load.truth.samples_refused)
        mosquitto.start()
        assert await running
    assert all(issued.acknowledged for issued in load.truth.tickets)
    assert sorted(tickets) == list(range(1, len(load.truth.tickets) + 1))


async def test_cancelled_it_takes_its_wire_away(tmp_path: Path, embedded_broker: EmbeddedBroker) -> None:
    load = Load(tmp_path, embedded_broker.url)
    running = asyncio.create_task(load.run())
    await until(lambda: load.truth.samples)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_its_devices_are_those_it_works_with(tmp_path: Path) -> None:
    devices = Load(tmp_path, "mqtt://127.0.0.1:1", Rates(counters=2, sensors=3)).devices()
    assert list(devices) == ["callers", "tickets", "sensor-1", "sensor-2", "sensor-3"]
    assert devices["callers"]["counters"] == {1: "1", 2: "2"}
