"""The MQTT ticket machine at a real broker: it repeats until acknowledged, over broken connections and killed brokers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices.simulated.broker import EmbeddedBroker
from devices.simulated.clock import RunningClock
from devices.simulated.faults import Faults
from devices.simulated.machine_mqtt import MqttTicketMachine
from tests.devices.simulated.host import until
from tests.devices.simulated.listener import at_work, listening

At = Callable[[float], float]


def machine_at(url: str, t: float, kept: list[int], **how: Any) -> MqttTicketMachine:
    return MqttTicketMachine(url, "bank/tickets", RunningClock(t), kept.append, **how)


async def test_a_ticket_as_documented_until_its_acknowledgement(embedded_broker: EmbeddedBroker, at: At) -> None:
    kept: list[int] = []
    machine = machine_at(embedded_broker.url, at(9.5), kept, first_sequence=131)
    async with listening(embedded_broker.port, "bank/tickets/#") as host, at_work(machine.run()):
        assert machine.issue("A", "personal", "care") == ("A001", 131)
        said = await host.first("bank/tickets/ticket")
        assert said["issued_at"].startswith("2026-11-25T09:30:0")
        assert said["issued_at"].endswith("+08:00")
        del said["issued_at"]
        assert said == {"ticket": "A001", "service": "personal", "class": "care", "print": "ok", "seq": 131}
        again = await host.first("bank/tickets/ticket", 2)
        del again["issued_at"]
        assert again == said
        await host.say("bank/tickets/ack", {"seq": 130})
        await host.say("bank/tickets/ack", {"seq": 131})
        await machine.all_told()
        assert kept == [131]
        assert machine.issue("A", "personal", "normal") == ("A002", 132)
        assert machine.issue("B", "corporate", "normal") == ("B001", 133)
    assert host.of("bank/tickets/status") == ["online"]


async def test_appointments_need_no_acknowledgement(embedded_broker: EmbeddedBroker, at: At) -> None:
    machine = machine_at(embedded_broker.url, at(9), [])
    async with listening(embedded_broker.port, "bank/tickets/#") as host, at_work(machine.run()):
        machine.appointment("ap-1", "personal", at(10), at(10.5))
        machine.check_in("ap-1")
        await machine.all_told()
        told = {"id": "ap-1", "service": "personal", "class": "appointment"}
        told |= {"from": "2026-11-25T10:00:00.000+08:00", "until": "2026-11-25T10:30:00.000+08:00"}
        assert await host.first("bank/tickets/appointment") == told
        assert await host.first("bank/tickets/checkin") == {"id": "ap-1"}


async def test_what_the_host_calls_is_heard(embedded_broker: EmbeddedBroker, at: At) -> None:
    machine = machine_at(embedded_broker.url, at(9), [])
    call = {"ticket": "A012", "counter": "3", "action": "call", "seq": 4}
    async with listening(embedded_broker.port, "bank/tickets/status") as host, at_work(machine.run()):
        await host.first("bank/tickets/status")
        await host.say("bank/tickets/call", [1, 2])
        await host.say("bank/tickets/call", call)
        await until(lambda: machine.calls == [call])


async def test_an_unplugged_machine_leaves_its_last_will_and_repeats_when_back(embedded_broker: EmbeddedBroker, at: At) -> None:
    kept: list[int] = []
    machine = machine_at(embedded_broker.url, at(9), kept)
    async with listening(embedded_broker.port, "bank/tickets/#") as host, at_work(machine.run()):
        await host.first("bank/tickets/status")
        machine.network.unplug()
        assert await host.first("bank/tickets/status", 2) == "offline"
        machine.issue("A", "personal", "normal")
        machine.network.plug()
        assert await host.first("bank/tickets/status", 3) == "online"
        assert (await host.first("bank/tickets/ticket"))["ticket"] == "A001"
        await host.say("bank/tickets/ack", {"seq": 1})
        await machine.all_told()
    assert kept == [1]


async def test_a_killed_broker_loses_nothing(mosquitto: Any, at: At) -> None:
    kept: list[int] = []
    machine = machine_at(mosquitto.url, at(9), kept)
    async with at_work(machine.run()):
        async with listening(mosquitto.port, "bank/tickets/ticket") as host:
            machine.issue("A", "personal", "normal")
            await host.first("bank/tickets/ticket")
            mosquitto.kill()
        machine.issue("A", "personal", "normal")
        mosquitto.start()
        async with listening(mosquitto.port, "bank/tickets/ticket") as host:
            await until(lambda: {said["seq"] for said in host.of("bank/tickets/ticket")} == {1, 2})
            for sequence in (1, 2):
                await host.say("bank/tickets/ack", {"seq": sequence})
            await machine.all_told()
    assert kept == [1, 2]


async def test_faults_double_and_lose_but_the_ticket_comes(embedded_broker: EmbeddedBroker, at: At) -> None:
    kept: list[int] = []
    machine = machine_at(embedded_broker.url, at(9), kept, faults=Faults(1, doubled=1.0, noise=1.0))
    async with listening(embedded_broker.port, "bank/tickets/ticket") as host, at_work(machine.run()):
        machine.issue("A", "personal", "normal")
        await until(lambda: len(host.heard) >= 3)
        tickets = [said for _, said in host.heard if isinstance(said, dict)]
        assert tickets[0] == tickets[1]
        await host.say("bank/tickets/ack", {"seq": 1})
        await machine.all_told()


async def test_numbers_begin_anew_each_day_and_the_sequence_does_not(at: At) -> None:
    clock = RunningClock(at(10))
    machine = MqttTicketMachine("mqtt://127.0.0.1:1", "x", clock, lambda _sequence: None)
    assert [machine.issue("A", "personal", "normal") for _ in range(2)] == [("A001", 1), ("A002", 2)]
    clock._start += 86_400
    assert machine.issue("A", "personal", "normal") == ("A001", 3)
    machine.restart()
    assert not machine.pending
    assert machine.issue("A", "personal", "normal") == ("A002", 1)
