"""Publisher: on a real broker that comes and goes, the board is retained as it is, and requests are answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiomqtt
import msgspec
import pytest

from devices.links.broker import Broker
from edge.bus import Board
from edge.ops.publisher import Publisher
from tests.conftest import Mosquitto

WITHIN_S = 15.0


class Reply(msgspec.Struct):
    status: str = "ok"
    error: str | None = None
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Branch:
    """A board, what was asked, and the publisher between them and a broker."""

    def __init__(self, broker: Mosquitto, **more: Any) -> None:
        self.board = Board()
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.reply = Reply(data={"ticket": "A001"})
        self.publisher = Publisher(Broker.of(broker.url), "test", self.board, self._ask, lambda: "2026-11-24T09:00:00.000+08:00", **more)

    async def _ask(self, verb: str, arguments: Mapping[str, Any], by: str) -> Reply:
        self.asked.append((verb, arguments, by))
        return self.reply

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.publisher.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


class Reader:
    """Someone who reads the branch: the newest by topic, and all messages in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.newest: dict[str, Any] = {}
        self.all: list[tuple[str, bytes, bool]] = []
        self._came = asyncio.Condition()

    async def read(self) -> None:
        async for message in self.client.messages:
            payload = bytes(message.payload)
            self.all.append((message.topic.value, payload, message.retain))
            self.newest[message.topic.value] = json.loads(payload) if payload else None
            async with self._came:
                self._came.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S), self._came:
            await self._came.wait_for(holds)

    async def answer(self, verb: str, payload: bytes, **more: Any) -> Any:
        before = len(self.all)
        topic = f"branch/test/response/{verb}"
        await self.client.publish(f"branch/test/request/{verb}", payload, qos=1, **more)
        await self.until(lambda: any(t == topic for t, _, _ in self.all[before:]))
        return self.newest[topic]


@contextlib.asynccontextmanager
async def reading(broker: Mosquitto, *filters: str) -> AsyncIterator[Reader]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        reader = Reader(client)
        for filter_ in filters or ("branch/#",):
            await client.subscribe(filter_, qos=1)
        task = asyncio.ensure_future(reader.read())
        try:
            yield reader
        finally:
            task.cancel()
            await asyncio.wait([task])


async def so(holds: Callable[[], bool]) -> None:
    """Return when it holds; for what tells nobody when it changes."""
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.01)


@pytest.fixture
def branch(mosquitto: Mosquitto) -> Branch:
    branch = Branch(mosquitto)
    branch.board.put({"status": {"state": "online"}, "queue/personal": {"waiting": 1}, "alert/x": {"severity": "minor"}})
    return branch


async def test_the_board_is_retained_and_follows(mosquitto: Mosquitto, branch: Branch) -> None:
    async with branch.running():
        async with reading(mosquitto) as first:
            await first.until(lambda: len(first.newest) == 3)
        async with reading(mosquitto) as reader:
            await reader.until(lambda: len(reader.newest) == 3)
            assert all(retained for _, _, retained in reader.all)
            branch.board.put({"queue/personal": {"waiting": 2}, "alert/x": None})
            await reader.until(lambda: reader.newest["branch/test/queue/personal"] == {"waiting": 2})
            await reader.until(lambda: reader.newest["branch/test/alert/x"] is None)
        async with reading(mosquitto) as later:
            await later.until(lambda: len(later.newest) == 2)


async def test_a_clean_stop_says_offline_and_a_kill_lets_the_will_say_it(mosquitto: Mosquitto, branch: Branch) -> None:
    async with reading(mosquitto, "branch/test/status") as reader:
        async with branch.running():
            await reader.until(lambda: reader.newest.get("branch/test/status") == {"state": "online"})
        await reader.until(lambda: reader.newest["branch/test/status"]["state"] == "offline")
        assert "t" in reader.newest["branch/test/status"], "said by itself"


async def test_a_broker_that_hangs_does_not_hold_up_the_stop(mosquitto: Mosquitto, branch: Branch) -> None:
    async with reading(mosquitto, "branch/test/status") as reader, asyncio.timeout(8):  # far from the 30 s of a keepalive
        async with branch.running():
            await reader.until(lambda: reader.newest.get("branch/test/status"))
            os.kill(mosquitto.pid, signal.SIGSTOP)
        os.kill(mosquitto.pid, signal.SIGCONT)


async def test_a_broker_that_forgot_all_is_told_all(mosquitto: Mosquitto, branch: Branch) -> None:
    async with branch.running():
        async with reading(mosquitto) as reader:
            await reader.until(lambda: len(reader.newest) == 3)
            mosquitto.kill()
        branch.board.put({"queue/personal": {"waiting": 5}})
        branch.publisher.event("ticket.issued", b'{"type":"ticket.issued"}')
        mosquitto.start()
        async with reading(mosquitto) as again:
            await again.until(lambda: again.newest.get("branch/test/queue/personal") == {"waiting": 5} and len(again.newest) >= 3)
        assert branch.publisher.problem is None


async def test_a_broker_that_is_away_is_a_problem_told_in_both_languages(mosquitto: Mosquitto, branch: Branch) -> None:
    mosquitto.stop()
    async with branch.running():
        await so(lambda: branch.publisher.problem is not None)
        assert branch.publisher.problem
        assert set(branch.publisher.problem) == {"zh-CN", "en"}


async def test_what_an_earlier_run_left_is_swept_and_nothing_else(mosquitto: Mosquitto, branch: Branch) -> None:
    left = ["alert/gone", "advice/gone", "queue/closed-down", "device/thrown-away"]
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        for topic in left:
            await client.publish(f"branch/test/{topic}", b"{}", qos=1, retain=True)
        for topic in ("branch/other/alert/theirs", "homeassistant/device/lamp/config"):
            await client.publish(topic, b"{}", qos=1, retain=True)
        await client.publish("homeassistant/device/smartbranch_test_zone_old/config", b"{}", qos=1, retain=True)
    async with branch.running(), reading(mosquitto, "branch/#", "homeassistant/#") as reader:
        await reader.until(lambda: all(reader.newest.get(f"branch/test/{topic}", 0) is None for topic in left))
        await reader.until(lambda: reader.newest.get("homeassistant/device/smartbranch_test_zone_old/config", 0) is None)
        assert reader.newest["branch/other/alert/theirs"] == {}
        assert reader.newest["homeassistant/device/lamp/config"] == {}
        await reader.until(lambda: reader.newest.get("branch/test/queue/personal"))


async def test_discovery_is_retained(mosquitto: Mosquitto) -> None:
    topic = "homeassistant/device/smartbranch_test/config"
    branch = Branch(mosquitto, announced={topic: {"components": {}}})
    async with branch.running():
        async with reading(mosquitto, "homeassistant/#") as reader:
            await reader.until(lambda: topic in reader.newest)
        branch.board.put({"status": {"state": "online"}})  # now it sweeps, and leaves what it announces
        async with reading(mosquitto, "#") as reader:
            await reader.until(lambda: "branch/test/status" in reader.newest)
            assert reader.newest[topic] == {"components": {}}


async def test_requests_are_done_once_and_answered_with_their_transaction(mosquitto: Mosquitto, branch: Branch) -> None:
    async with branch.running(), reading(mosquitto, "branch/test/status", "branch/test/response/+") as reader:
        await reader.until(lambda: "branch/test/status" in reader.newest)
        first = await reader.answer("issue_ticket", b'{"service":"personal","transaction":"a"}')
        assert (first["status"], first["transaction"], first["data"]) == ("ok", "a", {"ticket": "A001"})
        assert await reader.answer("issue_ticket", b'{"service":"personal","transaction":"a"}') == first
        assert branch.asked == [("issue_ticket", {"service": "personal"}, "mqtt")]
        branch.reply = Reply("error", "counter 9 is not known")
        assert (await reader.answer("call_next", b'{"counter":"9"}'))["error"] == "counter 9 is not known"


@pytest.mark.parametrize("payload", [b"\x00\xff", b"[" * 5000, b"[]", b'{"transaction":[]}', b"{" + b" " * 20_000, b'"' + b"x" * 200_000])
async def test_garbage_is_answered_with_an_error(mosquitto: Mosquitto, branch: Branch, payload: bytes) -> None:
    async with branch.running(), reading(mosquitto, "branch/test/status", "branch/test/response/+") as reader:
        await reader.until(lambda: "branch/test/status" in reader.newest)
        answer = await reader.answer("call_next", payload)
        assert answer["status"] == "error"
        assert answer["error"]
        assert (await reader.answer("no_such_verb", b"{}"))["status"] == "error"
        assert branch.asked == []


async def test_a_retained_request_is_done_once_and_refused_after_a_reconnect(mosquitto: Mosquitto, branch: Branch) -> None:
    async with reading(mosquitto, "branch/test/status", "branch/test/response/+") as reader:
        await reader.client.publish("branch/test/request/call_next", b'{"counter":"1","transaction":9}', qos=1, retain=True)
        async with branch.running():
            await reader.until(lambda: "branch/test/response/call_next" in reader.newest)
        answer = reader.newest["branch/test/response/call_next"]
        assert (answer["status"], answer["transaction"], branch.asked) == ("error", 9, [])


async def test_a_flood_is_bounded_and_answers_go_on(mosquitto: Mosquitto, branch: Branch) -> None:
    gate = asyncio.Event()

    async def slow(verb: str, arguments: Mapping[str, Any], by: str) -> Reply:
        await gate.wait()
        return Reply()

    branch.publisher._ask = slow
    async with branch.running(), reading(mosquitto, "branch/test/status", "branch/test/response/+") as reader:
        await reader.until(lambda: "branch/test/status" in reader.newest)
        for number in range(600):
            await reader.client.publish("branch/test/request/call_next", json.dumps({"transaction": number}).encode(), qos=0)
        await reader.client.publish("branch/test/request/recall", b"{}", qos=1)
        await so(lambda: branch.publisher._intake.turned_away >= 300)
        assert len(branch.publisher._intake._waiting) <= 256
        gate.set()
        await reader.until(lambda: any(b'"status":"ok"' in payload for _, payload, _ in reader.all))
        await reader.until(lambda: any(b"ask again later" in payload for _, payload, _ in reader.all))


async def test_events_go_out_as_they_are_kept_and_are_not_retained(mosquitto: Mosquitto, branch: Branch) -> None:
    async with branch.running(), reading(mosquitto) as reader:
        await reader.until(lambda: "branch/test/status" in reader.newest)
        for number in range(50):
            branch.publisher.event("door.crossed", msgspec.json.encode({"n": number}))
        await reader.until(lambda: reader.newest.get("branch/test/event/door.crossed") == {"n": 49})
        numbers = [json.loads(payload)["n"] for topic, payload, _ in reader.all if topic.endswith("door.crossed")]
        assert numbers == list(range(50))
    async with reading(mosquitto) as later:
        await later.until(lambda: "branch/test/status" in later.newest)
        assert "branch/test/event/door.crossed" not in later.newest


async def test_what_is_urgent_overtakes_and_the_newest_of_a_topic_is_last(mosquitto: Mosquitto, branch: Branch) -> None:
    async with branch.running(), reading(mosquitto) as reader:
        await reader.until(lambda: "branch/test/status" in reader.newest)
        for step in range(20):
            branch.board.put({f"device/d{number}": {"n": step} for number in range(200)} | {"counter/1": {"n": step}})
        await reader.until(lambda: all(reader.newest.get(f"branch/test/device/d{number}") == {"n": 19} for number in range(200)))
        order = [topic.removeprefix("branch/test/") for topic, _, retained in reader.all if not retained]
        assert order.index("counter/1") < min(place for place, topic in enumerate(order) if topic.startswith("device/")) + 17
