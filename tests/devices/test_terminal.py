"""Terminals: what a heartbeat comes to, faults counted once, silence and the last will, commands answered or not."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.lines import Lines
from devices.links.seat import Message
from devices.reading import Outcome, Quality
from devices.terminal import Settings, Terminal, run
from devices.wire.faults import FAULTS
from tests.devices.fakes import FakeBranch, FakeMqtt, running
from tests.devices.modbus_slave import WiredBranch

PREFIX = "bank/vtm-01"
DOCUMENTED: dict[str, Any] = {
    "terminal": "vtm-01",
    "kind": "vtm",
    "state": "in_service",
    "faults": ["CARD_JAM"],
    "uses_total": 1832,
    "paper_pct": 40,
    "cash_pct": None,
    "firmware": "4.2.1",
    "uptime_s": 86400,
    "seq": 77,
}


def beat(seq: int = 78, **more: Any) -> str:
    return json.dumps({**DOCUMENTED, "faults": [], "seq": seq, **more})


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"link": {"mqtt": PREFIX}, **more})


def rigged(**more: Any) -> tuple[FakeBranch, FakeMqtt, Settings]:
    link = FakeMqtt(Message, PREFIX)
    return FakeBranch(link), link, settings(**more)


async def heard(*messages: tuple[str, Any]) -> FakeBranch:
    branch = FakeBranch()
    terminal = Terminal(settings(), branch, FakeMqtt(Message, PREFIX))
    for name, said in messages:
        await terminal.hear(Message(f"{PREFIX}/{name}", said if isinstance(said, bytes) else str(said).encode()))
    return branch


async def test_the_documented_heartbeat() -> None:
    branch = await heard(("heartbeat", json.dumps(DOCUMENTED)))
    assert {sample.quantity: sample.value for sample in branch.samples if sample.quantity != "state"} == {
        "paper_pct": 40,
        "uses_total": 1832,
        "uptime_s": 86400,
        "firmware": "4.2.1",
    }
    assert branch.states() == ["faulty"]
    assert "CARD_JAM: card jammed" in branch.reason()


@pytest.mark.parametrize(
    ("more", "state", "en", "zh"),
    [
        ({}, "online", "", ""),
        ({"state": "out_of_service"}, "faulty", "out of service", "暂停服务"),
        ({"state": "maintenance"}, "faulty", "under maintenance", "正在维护"),
        ({"faults": ["PAPER_OUT", "X_17"]}, "faulty", "put a roll in; X_17", "X_17"),
        ({"state": "out_of_service", "faults": ["CASH_OUT"]}, "faulty", "CASH_OUT: out of cash", "加钞"),
    ],
)
async def test_states_and_faults(more: dict[str, Any], state: str, en: str, zh: str) -> None:
    branch = await heard(("heartbeat", beat(**more)))
    assert branch.states() == [state]
    assert en in branch.reason()
    told = next(sample for sample in branch.samples if sample.quantity == "state")
    assert zh in (told.reason or {}).get("zh-CN", "")


def test_every_known_fault_says_what_to_do_in_both_languages() -> None:
    assert all(code.isupper() and reason["en"] and reason["zh-CN"] for code, reason in FAULTS.items())


async def test_a_fault_that_is_over_ends() -> None:
    branch = await heard(("heartbeat", beat(1, faults=["CARD_JAM"])), ("heartbeat", beat(2)))
    assert branch.states() == ["faulty", "online"]


async def test_a_fault_is_an_occurrence_counted_once_over_copies() -> None:
    said = '{"terminal": "vtm-01", "faults": ["CARD_JAM"], "seq": 12}'
    other_spelling = '{"seq":12,"faults":["CARD_JAM"],"terminal":"vtm-01"}'
    branch = await heard(("fault", said), ("fault", said), ("fault", other_spelling))
    assert [(o.kind, o.part, o.data, o.copy_within, o.copy_within_s) for o in branch.occurrences] == [
        ("terminal.fault", "", {"faults": ["CARD_JAM"]}, 256, 600)
    ]
    assert branch.states() == ["faulty"]
    branch = await heard(("fault", said), ("fault", said.replace("CARD_JAM", "PAPER_OUT")), ("fault", said.replace("12", "13")))
    assert len(branch.occurrences) == 3  # the same number with other content is a new one, and so is another number


async def test_a_fault_is_acknowledged_when_it_is_committed_and_not_before() -> None:
    branch, link, found = rigged()
    branch.committing.clear()
    async with running(lambda: run(found, branch)):
        link.say(f"{PREFIX}/fault", '{"faults": ["CARD_JAM"], "seq": 1}')
        await branch.until(link._messages.empty)
        assert link.acknowledged == []
        branch.committing.set()
        await branch.until(lambda: link.acknowledged)
    assert len(branch.occurrences) == 1


async def test_a_fault_that_the_broker_kept_is_no_new_one() -> None:
    branch, link, found = rigged()
    async with running(lambda: run(found, branch)):
        link.say(f"{PREFIX}/fault", '{"faults": ["CARD_JAM"], "seq": 1}', retained=True)
        await branch.until(lambda: link.acknowledged)
    assert branch.occurrences == []
    assert branch.states() == ["faulty"]


async def test_a_fallen_uptime_is_a_restart_and_a_copy_of_an_old_heartbeat_is_none() -> None:
    first, second, third = beat(1, uptime_s=100), beat(2, uptime_s=130), beat(3, uptime_s=5)
    branch = await heard(*(("heartbeat", said) for said in (first, second, first, second)))
    assert branch.occurrences == []
    branch = await heard(*(("heartbeat", said) for said in (first, second, third, third)))
    assert [(o.kind, o.data) for o in branch.occurrences] == [("machine.restarted", {})]


async def test_three_heartbeats_missing_is_stale_then_offline_until_it_speaks() -> None:
    branch, link, found = rigged(stale_after_s=0.05)
    async with running(lambda: run(found, branch)):
        link.say(f"{PREFIX}/heartbeat", beat(1))
        await branch.until(lambda: branch.states() == ["online", "stale", "offline"])
        assert PREFIX in branch.reason()
        link.say(f"{PREFIX}/heartbeat", beat(2))
        await branch.until(lambda: branch.states()[:4] == ["online", "stale", "offline", "online"])


def test_it_is_doubted_after_three_heartbeats() -> None:
    assert settings().stale_after_s == 90
    assert settings(heartbeat_s=10).stale_after_s == 30
    assert settings(heartbeat_s=10, stale_after_s=45).stale_after_s == 45
    assert settings().commanded() == ("restart", "test_print")


@pytest.mark.parametrize("topic", ["status", "heartbeat"])
async def test_the_last_will(topic: str) -> None:
    branch = await heard(("heartbeat", beat(1)), (topic, "offline"))
    assert branch.states() == ["online", "offline"]
    branch = await heard((topic, "offline"), ("heartbeat", beat(1)))
    assert branch.states() == ["offline", "online"]


async def test_an_offline_that_the_broker_kept_ends_with_the_next_heartbeat() -> None:
    branch = await heard(("status", "offline"), ("status", "online"))
    assert branch.states() == ["offline", "online"]


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("heartbeat", b""),
        ("heartbeat", b"online"),
        ("heartbeat", b"[]"),
        ("heartbeat", b'{"state": "fine"}'),
        ("heartbeat", b'{"state": 1, "faults": []}'),
        ("heartbeat", b'{"state": "in_service", "faults": "CARD_JAM"}'),
        ("heartbeat", b'{"state": "in_service", "faults": [7]}'),
        ("heartbeat", b'{"state": "in_service", "faults": ["' + b"x" * 65 + b'"]}'),
        ("fault", b'{"fault": "CARD_JAM"}'),
        ("fault", b"\xff"),
        ("result", b'{"id": 1, "ok": true}'),
        ("result", b'{"id": "1", "ok": "yes"}'),
        ("status", b"perhaps"),
    ],
)
async def test_garbage_is_told_once_with_topic_and_what_was_expected(name: str, payload: bytes) -> None:
    branch = await heard((name, payload), (name, payload))
    assert branch.states() == ["faulty"]
    assert f"{PREFIX}/{name}" in branch.reason()
    assert "expected" in branch.reason()
    assert branch.occurrences == []


async def test_a_good_message_ends_the_trouble_of_its_topic() -> None:
    branch = await heard(("heartbeat", b"{"), ("heartbeat", beat(1)))
    assert branch.states() == ["faulty", "online"]


@pytest.mark.parametrize("fact", [{"paper_pct": 140}, {"uses_total": -3}, {"uptime_s": "long"}, {"firmware": 4}])
async def test_a_fact_that_cannot_be_is_missing_alone(fact: dict[str, Any]) -> None:
    branch = await heard(("heartbeat", beat(1, **fact)))
    (name,) = fact
    assert branch.latest(name).quality is Quality.MISSING
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    ("result", "outcome", "detail"),
    [
        ({"ok": True, "detail": "done"}, Outcome.CONFIRMED, "done"),
        ({"ok": False, "detail": "a customer is at it"}, Outcome.FAILED, "a customer is at it"),
        ({"ok": True}, Outcome.CONFIRMED, ""),
    ],
)
async def test_a_command_and_its_result(result: dict[str, Any], outcome: Outcome, detail: str) -> None:
    branch, link, found = rigged()
    async with running(lambda: run(found, branch)):
        branch.tell("restart", True, id="c-1", until=branch.now() + 30)
        await branch.until(lambda: link.published)
        link.say(f"{PREFIX}/result", json.dumps({"id": "another", "ok": False}))
        link.say(f"{PREFIX}/result", json.dumps({"id": "c-1", **result}))
        link.say(f"{PREFIX}/result", json.dumps({"id": "c-1", "ok": False}))  # a copy changes nothing
        await branch.until(lambda: branch.outcomes and len(link.acknowledged) == 3)
    expires = datetime.fromtimestamp(branch.now() + 30, UTC).isoformat(timespec="seconds")
    assert [(topic, json.loads(payload)) for topic, payload in link.published] == [
        (f"{PREFIX}/command", {"id": "c-1", "verb": "restart", "expires": expires})
    ]
    assert [(told, said) for _, told, said in branch.outcomes] == [(outcome, detail)]


async def test_a_command_without_an_answer_is_not_confirmed() -> None:
    branch, link, found = rigged(answer_s=0.05)
    async with running(lambda: run(found, branch)):
        branch.tell("test_print", True)
        branch.tell("test_print", True)
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.NOT_CONFIRMED] * 2
    ids = {json.loads(payload)["id"] for _, payload in link.published}
    assert len(ids) == 2  # made up where the command has none, each its own


@pytest.mark.parametrize(
    ("verb", "value", "more", "outcome"),
    [
        ("reboot", True, {}, Outcome.REFUSED),
        ("restart", False, {}, Outcome.REFUSED),
        ("restart", True, {"until": 1.0}, Outcome.EXPIRED),
    ],
)
async def test_what_is_not_sent(verb: str, value: Any, more: dict[str, Any], outcome: Outcome) -> None:
    branch, link, found = rigged()
    async with running(lambda: run(found, branch)):
        branch.tell(verb, value, **more)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is outcome
    assert link.published == []


async def test_with_the_broker_away_a_command_fails() -> None:
    branch, link, found = rigged()
    link.away = True
    async with running(lambda: run(found, branch)):
        branch.tell("restart", True)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.FAILED


async def test_over_a_real_broker(mosquitto: Any) -> None:
    async with Lines(mqtt_url=mosquitto.url) as lines, aiomqtt.Client("127.0.0.1", mosquitto.port) as device:
        await device.subscribe(f"{PREFIX}/command", qos=1)
        branch = WiredBranch(lines, opened=False)
        async with running(lambda: run(settings(), branch)):
            await device.publish(f"{PREFIX}/heartbeat", beat(1), qos=1, retain=True)
            await branch.until(lambda: branch.latest("uses_total"))
            branch.tell("test_print", True, id="p-1")
            told = json.loads((await anext(aiter(device.messages))).payload)
            await device.publish(f"{PREFIX}/result", json.dumps({"id": told["id"], "ok": True, "detail": "printed"}), qos=1)
            await branch.until(lambda: branch.outcomes)
            vanish(mosquitto.port, f"{PREFIX}/status")
            await branch.until(lambda: branch.states()[-1:] == ["offline"])
    assert branch.outcomes[0][1] is Outcome.CONFIRMED


def vanish(port: int, topic: str) -> None:
    """A device that connects with a last will on `topic` and is gone without taking leave (MQTT 3.1.1, 3.1)."""

    def field(text: str) -> bytes:
        return len(text.encode()).to_bytes(2, "big") + text.encode()

    body = field("MQTT") + bytes((4, 0b0000_1110, 0, 60)) + field("vtm-01") + field(topic) + field("offline")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as device:
        device.sendall(bytes((0x10, len(body))) + body)
        assert device.recv(4)[3] == 0  # accepted


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3)
DOCUMENTS = st.dictionaries(st.sampled_from([*DOCUMENTED, "id", "ok", "detail"]), VALUES).map(lambda found: json.dumps(found).encode())


@given(st.sampled_from(["heartbeat", "fault", "result", "status", "elsewhere"]), st.lists(st.binary(max_size=200) | DOCUMENTS, max_size=4))
async def test_no_payload_breaks_it_or_invents_a_fault(name: str, payloads: list[bytes]) -> None:
    branch = await heard(*((name, payload) for payload in payloads))
    for happened in branch.occurrences:
        assert happened.kind in ("terminal.fault", "machine.restarted")
        said = [json.loads(payload) for payload in payloads if payload.startswith(b"{")]
        assert happened.kind == "machine.restarted" or any(set(happened.data["faults"]) == set(one.get("faults") or ()) for one in said)
