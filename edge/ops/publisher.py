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

from devices.links.broker import Broker, stay_connected
from devices.reading import Text
from edge.bus import Board, Payload
from edge.ops.requests import Answered, Request, RequestError, read, response

_LOG = logging.getLogger(__name__)
_MOST_EVENTS: Final = 1000
_LEFT_BEHIND: Final = ("alert", "advice")
"""Topics that come and go: what an earlier run left retained there is taken away."""


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

    def __init__(self, broker: Broker, branch: str, board: Board, ask: Ask, moment: Callable[[], str]) -> None:
        """`ask` does what is requested; `moment` is now, as it is written."""
        self._broker, self._branch, self._root, self._board = broker, branch, f"branch/{branch}", board
        self._ask, self._moment = ask, moment
        self._answered = Answered()
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
        await stay_connected(self._broker, f"smartbranch-{self._branch}-topics", self._use, away=self._away, clean_session=True, will=will)

    def _away(self, reason: Text) -> None:
        if self.problem is None:
            _LOG.warning("topics: %s", reason["en"])
        self.problem = reason

    async def _use(self, client: aiomqtt.Client) -> None:
        if self.problem is not None:
            _LOG.warning("topics: the broker is back")
        self.problem = None
        for part in ("request", *_LEFT_BEHIND):
            await client.subscribe(f"{self._root}/{part}/+", qos=1)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._show(client))
                tasks.create_task(self._tell(client))
                tasks.create_task(self._listen(client))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError):  # it is away: the will says the same
                await client.publish(
                    f"{self._root}/status", msgspec.json.encode({"state": "offline", "t": self._moment()}), qos=1, retain=True
                )
            raise

    async def _show(self, client: aiomqtt.Client) -> None:
        async for changed in self._board.changes():
            publishing = (client.publish(f"{self._root}/{topic}", _written(p), qos=1, retain=True) for topic, p in changed.items())
            await asyncio.gather(*publishing)

    async def _tell(self, client: aiomqtt.Client) -> None:
        while True:
            await self._event_came.wait()
            self._event_came.clear()
            while self._events:
                topic, wire = self._events[0]
                await client.publish(f"{self._root}/{topic}", wire, qos=1)
                if self._events and self._events[0][1] is wire:
                    self._events.popleft()

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            kind, name = message.topic.value.removeprefix(f"{self._root}/").split("/", 1)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if kind == "request":
                await client.publish(f"{self._root}/response/{name}", await self._answer(name, payload), qos=1)
            elif message.retain and payload and f"{kind}/{name}" not in self._board.snapshot():
                await client.publish(message.topic.value, b"", qos=1, retain=True)

    async def _answer(self, verb: str, payload: bytes) -> bytes:
        try:
            request = read(verb, payload)
        except RequestError as error:
            return response("error", None, self._moment(), error=str(error))
        return self._answered.to(request) or await self._do(request)

    async def _do(self, request: Request) -> bytes:
        reply = await self._ask(request.verb, request.arguments, "mqtt")
        answer = response(reply.status, request.transaction, self._moment(), error=reply.error, data=reply.data)
        self._answered.keep(request, answer)
        return answer


def _written(payload: Payload | None) -> bytes:
    return b"" if payload is None else msgspec.json.encode(payload)
