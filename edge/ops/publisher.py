"""Publisher: the board on the branch's broker, each event as it is kept, and the requests that come back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import aiomqtt
import msgspec
import paho.mqtt.client as paho

from devices.links.broker import Broker, stay_connected
from devices.reading import Text
from edge.bus import Board, Payload
from edge.ops.discovery import PREFIX, is_ours
from edge.ops.intake import Asked, Intake
from edge.ops.requests import Answered, Request, RequestError, read, response, transaction_of

_LOG = logging.getLogger(__name__)
_MOST_EVENTS: Final = 1000
_ON_THE_WAY: Final = 16
"""Publishes that wait for the broker's PUBACK; what becomes urgent overtakes what has not left."""
_KINDS: Final = ("counter", "queue", "alert", "advice", "occupancy", "door", "climate", "device")
"""Topics of the board that have a name below them, the most urgent first."""
_LEAVE_WITHIN_S: Final = 1.0
_SWEEP_S: Final = 10.0


class Reply(Protocol):
    """What came of a request."""

    @property
    def status(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


Ask = Callable[[str, Mapping[str, Any], str], Awaitable[Reply]]


class Publisher:
    """Keeps `branch/<id>/` on the broker as the board is, over its restarts; the last will says offline."""

    def __init__(
        self,
        broker: Broker,
        branch: str,
        board: Board,
        ask: Ask,
        moment: Callable[[], str],
        announced: Mapping[str, Payload] | None = None,
    ) -> None:
        """`ask` does what is requested; `moment` is now, as it is written; `announced` is Home Assistant's discovery by topic."""
        self._broker, self._branch, self._root, self._board = broker, branch, f"branch/{branch}", board
        self._ask, self._moment, self._announced = ask, moment, announced or {}
        self._answered = Answered()
        self._intake = Intake()
        self._events: deque[tuple[str, bytes]] = deque(maxlen=_MOST_EVENTS)
        self._event_came = asyncio.Event()
        self.problem: Text | None = None

    def event(self, type_: str, wire: bytes) -> None:
        """Publish an event that was kept; while the broker is away the newest 1,000 wait."""
        self.raw(f"event/{type_}", wire)

    def raw(self, topic: str, wire: bytes) -> None:
        """Publish once, not retained, below the branch's root."""
        self._events.append((topic, wire))
        self._event_came.set()

    async def run(self) -> None:
        """Publish and answer until cancelled; the broker may come and go."""
        will = aiomqtt.Will(f"{self._root}/status", msgspec.json.encode({"state": "offline"}), qos=1, retain=True)
        await stay_connected(
            self._broker,
            f"smartbranch-{self._branch}-topics",
            self._use,
            away=self._away,
            clean_session=True,
            will=will,
            prepare=self._prepare,
        )

    def _prepare(self, client: aiomqtt.Client) -> None:
        """Requests go into a queue of our own, for aiomqtt's takes in whatever comes."""
        client._client.message_callback_add(f"{self._root}/request/+", self._asked)  # noqa: SLF001 (aiomqtt hands it out to nobody)

    def _asked(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        before = self._intake.turned_away
        self._intake.take(message.topic.rpartition("/")[2], bytes(message.payload), retained=message.retain)
        if self._intake.turned_away == 1 > before:
            _LOG.warning("topics: more requests come than can be answered; the rest is turned away")

    def _away(self, reason: Text) -> None:
        if self.problem is None:
            _LOG.warning("topics: %s", reason["en"])
        self.problem = reason

    async def _use(self, client: aiomqtt.Client) -> None:
        if self.problem is not None:
            _LOG.warning("topics: the broker is back")
        self.problem = None
        await client.subscribe(f"{self._root}/request/+", qos=1)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_Shown(client, self._root, self._board).run())
                tasks.create_task(self._tell(client))
                tasks.create_task(self._answer_all(client))
                tasks.create_task(self._announce(client))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):  # it is away: the will says the same
                await self._leave(client)
            raise

    async def _leave(self, client: aiomqtt.Client) -> None:
        offline = msgspec.json.encode({"state": "offline", "t": self._moment()})
        async with asyncio.timeout(_LEAVE_WITHIN_S):
            await client.publish(f"{self._root}/status", offline, qos=1, retain=True)

    async def _tell(self, client: aiomqtt.Client) -> None:
        while True:
            await self._event_came.wait()
            self._event_came.clear()
            while self._events:
                topic, wire = self._events[0]
                await client.publish(f"{self._root}/{topic}", wire, qos=1)
                if self._events and self._events[0][1] is wire:
                    self._events.popleft()

    async def _announce(self, client: aiomqtt.Client) -> None:
        """Home Assistant's discovery; then, for a while, what an earlier run left retained is taken away."""
        for topic, payload in self._announced.items():
            await client.publish(topic, _written(payload), qos=1, retain=True)
        filters = [*(f"{self._root}/{kind}/+" for kind in _KINDS), f"{PREFIX}/+/config"]
        await self._board.filled()  # what is on the board was not left behind
        await client.subscribe([(filter_, 0) for filter_ in filters])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_S):
                await self._sweep(client)
        await client.unsubscribe(filters)

    async def _sweep(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = message.topic.value
            if message.retain and message.payload and self._is_left_behind(topic):
                await client.publish(topic, b"", qos=1, retain=True)

    def _is_left_behind(self, topic: str) -> bool:
        if topic.startswith(f"{PREFIX}/"):
            return is_ours(self._branch, topic) and topic not in self._announced
        return topic.removeprefix(f"{self._root}/") not in self._board.snapshot()

    async def _answer_all(self, client: aiomqtt.Client) -> None:
        while True:
            asked = await self._intake.next()
            await client.publish(f"{self._root}/response/{asked.verb}", await self._answer(asked), qos=1)

    async def _answer(self, asked: Asked) -> bytes:
        if asked.why_not:
            return response("error", transaction_of(asked.payload), self._moment(), error=asked.why_not)
        try:
            request = read(asked.verb, asked.payload)
        except RequestError as error:
            return response("error", transaction_of(asked.payload), self._moment(), error=str(error))
        return self._answered.to(request, _now()) or await self._do(request)

    async def _do(self, request: Request) -> bytes:
        reply = await self._ask(request.verb, request.arguments, "mqtt")
        answer = response(reply.status, request.transaction, self._moment(), error=reply.error, data=reply.data)
        self._answered.keep(request, answer, _now())
        return answer


class _Shown:
    """One connection's copy of the board: what is due, the most urgent first, the newest of each topic."""

    def __init__(self, client: aiomqtt.Client, root: str, board: Board) -> None:
        self._client, self._root, self._board = client, root, board
        self._due: dict[str, Payload | None] = {}
        self._came = asyncio.Event()
        self._room = asyncio.Semaphore(_ON_THE_WAY)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gather())
            tasks.create_task(self._send(tasks))

    async def _gather(self) -> None:
        async for changed in self._board.changes():
            self._due.update(changed)
            self._came.set()

    async def _send(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            while self._due:
                await self._room.acquire()
                topic = min(self._due, key=_urgency)
                tasks.create_task(self._put(topic, self._due.pop(topic)))

    async def _put(self, topic: str, payload: Payload | None) -> None:
        try:
            await self._client.publish(f"{self._root}/{topic}", _written(payload), qos=1, retain=True)
        finally:
            self._room.release()


def _urgency(topic: str) -> int:
    kind = topic.partition("/")[0]
    return _KINDS.index(kind) if kind in _KINDS else -1


def _written(payload: Payload | None) -> bytes:
    return b"" if payload is None else msgspec.json.encode(payload)


def _now() -> float:
    return asyncio.get_running_loop().time()
