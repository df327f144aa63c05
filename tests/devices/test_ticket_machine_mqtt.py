"""Ticket machine over MQTT: kept, acknowledged to the broker, then to the machine; gaps told, garbage told once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from functools import partial
from typing import Any

import aiomqtt

from devices.links.mqtt import Message
from devices.reading import Outcome
from devices.ticket_machine import Settings, run
from tests.devices.fakes import FakeBranch, FakeMqtt, running

PREFIX = "bank/tickets"
TICKET = {"ticket": "A012", "service": "personal", "class": "normal", "issued_at": "2026-11-24T09:31:05+08:00", "print": "ok", "seq": 131}


def machine(**more: object) -> tuple[FakeMqtt, FakeBranch, Any]:
    link = FakeMqtt(Message, PREFIX)
    branch = FakeBranch(link)
    return link, branch, partial(run, Settings.model_validate({"link": {"mqtt": PREFIX}, **more}), branch)


def say(link: FakeMqtt, kind: str, body: object, *, retained: bool = False) -> None:
    link.say(f"{PREFIX}/{kind}", json.dumps(body), retained=retained)


async def test_a_ticket_is_acknowledged_once_it_is_committed_to_the_broker_and_then_to_the_machine() -> None:
    link, branch, driver = machine()
    branch.committing.clear()
    order: list[str] = []
    acknowledge, publish = link.acknowledge, link.publish
    link.acknowledge = lambda message: (order.append("broker"), acknowledge(message))  # type: ignore[method-assign]

    async def published(topic: str, payload: bytes | str, **more: Any) -> None:
        order.append("machine")
        await publish(topic, payload, **more)

    link.publish = published  # type: ignore[method-assign]
    async with running(driver):
        say(link, "ticket", TICKET)
        await branch.until(link._messages.empty)
        assert order == []
        branch.committing.set()
        await branch.until(lambda: link.published)
    assert order == ["broker", "machine"]
    assert link.published == [(f"{PREFIX}/ack", b'{"seq":131}')]
    assert [occurrence.data["ticket"] for occurrence in branch.occurrences] == ["A012"]
    assert sorted(link.filters) == [f"{PREFIX}/{kind}" for kind in ("appointment", "call", "checkin", "status", "ticket")]


async def test_a_repeat_is_acknowledged_again_and_counted_once() -> None:
    link, branch, driver = machine()
    async with running(driver):
        for _ in range(3):
            say(link, "ticket", TICKET)
        await branch.until(lambda: len(link.published) == 3)
    assert len(branch.occurrences) == 1
    assert len(link.acknowledged) == 3


async def test_calls_appointments_and_check_ins() -> None:
    link, branch, driver = machine()
    async with running(driver):
        say(link, "call", {"ticket": "A012", "counter": "3", "action": "no_show", "seq": 132})
        say(link, "appointment", {"id": "x1", "service": "personal", "from": "2026-11-24T10:00:00+08:00"})
        say(link, "checkin", {"id": "x1"})
        await branch.until(lambda: len(link.acknowledged) == 3)
    assert [occurrence.kind for occurrence in branch.occurrences] == ["ticket.called", "appointment.made", "appointment.checked_in"]
    assert link.published == [(f"{PREFIX}/ack", b'{"seq":132}')]


async def test_a_gap_of_a_machine_that_cannot_repeat_is_missed_before_what_showed_it_is_acknowledged() -> None:
    link, branch, driver = machine(repeats=False)
    async with running(driver):
        for seq in (131, 132, 135):
            say(link, "ticket", {**TICKET, "ticket": f"A{seq}", "seq": seq})
        await branch.until(lambda: len(link.acknowledged) == 3)
        assert [dict(o.data) for o in branch.occurrences if o.kind == "ticket.missed"] == [{"count": 2}]


async def test_a_gap_of_a_machine_that_repeats_is_filled() -> None:
    link, branch, driver = machine()
    async with running(driver):
        for seq in (131, 134, 132, 133):
            say(link, "ticket", {**TICKET, "ticket": f"A{seq}", "seq": seq})
        await branch.until(lambda: len(link.acknowledged) == 4)
    assert {occurrence.kind for occurrence in branch.occurrences} == {"ticket.issued"}


async def test_garbage_is_acknowledged_told_once_and_over_with_the_next_good_message() -> None:
    link, branch, driver = machine()
    async with running(driver):
        for garbage in (b"\xff\xfe", b"{", b"[]", b'{"ticket": 7}', b""):
            link.say(f"{PREFIX}/ticket", garbage)
        await branch.until(lambda: len(link.acknowledged) == 5)
        assert branch.states() == ["faulty"]
        assert len([sample for sample in branch.samples if sample.quantity == "state"]) == 1
        assert f"{PREFIX}/ticket" in branch.reason()
        say(link, "ticket", TICKET)
        await branch.until(lambda: branch.states() == ["faulty", "online"])
    assert len(branch.occurrences) == 1


async def test_its_last_will_is_offline() -> None:
    link, branch, driver = machine()
    async with running(driver):
        link.say(f"{PREFIX}/status", b"online", retained=True)
        link.say(f"{PREFIX}/status", b"offline")
        await branch.until(lambda: branch.states() == ["online", "offline"])
        say(link, "status", {"state": "online", "paper": "end"})
        await branch.until(lambda: branch.states() == ["online", "offline", "faulty"])
        assert "no paper" in branch.reason()
        say(link, "status", {"state": "online", "paper": "good"})
        await branch.until(lambda: branch.states() == ["online", "offline", "faulty", "online"])


async def test_a_ticket_that_somebody_retained_is_old() -> None:
    link, branch, driver = machine()
    async with running(driver):
        say(link, "ticket", TICKET, retained=True)
        await branch.until(lambda: link.acknowledged)
    assert branch.occurrences == []


async def test_a_broker_that_goes_between_commit_and_answer_does_no_harm() -> None:
    link, branch, driver = machine()
    link.away = True
    async with running(driver):
        say(link, "ticket", TICKET)
        await branch.until(lambda: link.acknowledged)
        link.away = False
        say(link, "ticket", TICKET)  # the machine did not hear, and says it again
        await branch.until(lambda: link.published)
    assert len(branch.occurrences) == 1


async def test_a_call_of_ours_goes_out_and_is_not_heard_as_one() -> None:
    link, branch, driver = machine()
    async with running(driver):
        branch.tell("call", json.dumps({"ticket": "A012", "counter": "3", "action": "call"}), "3")
        branch.tell("call", json.dumps({"ticket": "A012", "counter": "3", "action": "sing"}), "3")
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: len(branch.outcomes) == 3)
        link.say(*link.published[0])
        await branch.until(lambda: link.acknowledged)
        link.away = True
        branch.tell("call", json.dumps({"ticket": "A012", "counter": "3", "action": "call"}), "3")
        await branch.until(lambda: len(branch.outcomes) == 4)
    assert sorted(outcome for _, outcome, _ in branch.outcomes) == [Outcome.FAILED, Outcome.REFUSED, Outcome.REFUSED, Outcome.SENT]
    assert branch.occurrences == []


async def test_with_a_real_broker_that_is_killed(mosquitto: Any) -> None:
    branch = FakeBranch(mqtt_url=mosquitto.url)
    driver = partial(run, Settings.model_validate({"link": {"mqtt": PREFIX}}), branch)

    async def told(seq: int) -> None:
        """What a machine does: it says the ticket until it hears the acknowledgement, whatever becomes of the broker."""
        body = json.dumps({**TICKET, "ticket": f"A{seq}", "seq": seq})
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe(f"{PREFIX}/ack", qos=1)
            while True:
                await client.publish(f"{PREFIX}/ticket", body, qos=1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        assert json.loads((await anext(client.messages)).payload) == {"seq": seq}
                        return

    async with running(driver):
        await told(1)
        mosquitto.kill()
        mosquitto.start()
        await told(2)
    assert [occurrence.data["ticket"] for occurrence in branch.occurrences] == ["A001", "A002"]
    assert branch.states()[-1] == "online"
