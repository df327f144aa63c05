"""Sender: carries the outbox to head office over its own MQTT connection, and hears what head office answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import cycle
from typing import Any, Final, Protocol

import aiomqtt
import msgspec

from devices.links.broker import Broker, stay_connected
from devices.reading import Text
from edge.event import Lane
from edge.uplink import flow as lane_flow
from edge.uplink.envelope import Ack, Channel, Command, Refused, Resend, events_message, fitting, gone_message, parse_down, topic
from edge.uplink.flow import Ask, Send, Verdict
from edge.uplink.packing import LARGEST_MESSAGE, EnvelopeError

_LOG = logging.getLogger(__name__)
_ON_THE_WAY: Final = 8  # messages handed to the broker and not yet PUBACKed
_PUBACK_WITHIN_S: Final = 30.0  # then the connection is taken for half-open
_STALLS_UNTIL_NEXT: Final = 4  # lanes without progress so often: the next broker is tried
_FAILURES_UNTIL_NEXT: Final = 3
_NUMBER_BITS: Final = 48  # of a question; JSON readers hold 53
_SILENT: Final = 2  # stalls from which on head office counts as silent

NewEpoch = Callable[[str, Mapping[Lane, int]], Awaitable[None]]
"""Why, and the sequence of a lane from which on also acknowledged events are sent again."""


class Outbox(Protocol):
    """What the sender needs of the store."""

    epoch: str

    def range(self, lane: Lane, first: int, last: int) -> list[tuple[int, bytes]]: ...
    def highest(self, lane: Lane) -> int: ...
    def acknowledged(self, lane: Lane) -> int: ...
    def backlog(self) -> int: ...
    async def acknowledge(self, lane: Lane, up_to: int) -> None: ...
    async def wait(self) -> None: ...


class Status(msgspec.Struct, frozen=True):
    """The line as people in the branch see it, but for what the outbox alone knows."""

    state: str  # connected | silent (the broker is there, head office does not answer) | disconnected
    reason: Text | None
    broker: str
    acknowledged: dict[str, int]


class Sender:
    """One connection to one of head office's brokers; runs until cancelled and heals by itself."""

    def __init__(
        self,
        outbox: Outbox,
        brokers: Sequence[Broker],
        branch: str,
        *,
        new_epoch: NewEpoch,
        commanded: Callable[[Command], Awaitable[None]],
    ) -> None:
        """`new_epoch(reason, again)` makes the outbox begin one and raises the alarm; `commanded` verifies and does an order."""
        self._outbox, self._brokers, self._branch = outbox, brokers, branch
        self._new_epoch, self._commanded = new_epoch, commanded
        self._flows = {lane: lane_flow.begin(outbox.acknowledged(lane)) for lane in Lane}
        self._epoch = outbox.epoch
        self._changed = asyncio.Event()
        self._marked = asyncio.Event()
        self._numbering = asyncio.Lock()  # nothing is read from the outbox while it numbers anew
        self._publishing: set[asyncio.Task[None]] = set()
        self._broker = brokers[0]
        self._connected = False
        self._reason: Text | None = None
        self._failures = 0
        self._next_broker = asyncio.Event()

    def status(self) -> Status:
        """How the line is just now."""
        silent = any(flow.stalls >= _SILENT for flow in self._flows.values())
        state = "disconnected" if not self._connected else "silent" if silent else "connected"
        return Status(state, self._reason, self._broker.url, {lane.value: self._outbox.acknowledged(lane) for lane in Lane})

    async def run(self) -> None:
        """Send until cancelled; where there are several brokers, the next is tried when one is away or brings no answers."""
        waking = asyncio.create_task(self._wake())
        try:
            for broker in cycle(self._brokers):
                self._broker, self._failures = broker, 0
                self._next_broker.clear()
                await _first_of(self._stay(broker), _returning(self._next_broker.wait()))
                _LOG.warning("head office does not answer through %s; trying the next broker", broker.url)
        finally:
            waking.cancel()

    async def _stay(self, broker: Broker) -> None:
        identifier = f"smartbranch-{self._branch}-{secrets.token_hex(4)}"  # two boxes with one past do not throw each other out
        await stay_connected(broker, identifier, self._use, away=self._away, clean_session=True)

    def _away(self, reason: Text) -> None:
        if self._connected or self._reason is None:
            _LOG.warning("line to head office is away: %s", reason["en"])
        self._connected, self._reason = False, reason
        self._failures += 1
        if self._failures >= _FAILURES_UNTIL_NEXT and len(self._brokers) > 1:
            self._next_broker.set()

    async def _wake(self) -> None:
        while True:
            await self._outbox.wait()
            self._changed.set()

    async def _use(self, client: aiomqtt.Client) -> None:
        await client.subscribe([(topic(self._branch, channel), 0) for channel in Channel if channel is not Channel.EVENTS])
        _LOG.info("line to head office is there: %s", self._broker.url)
        self._connected, self._reason, self._failures = True, None, 0
        now = asyncio.get_running_loop().time()
        self._flows = {lane: lane_flow.connected(flow, now) for lane, flow in self._flows.items()}
        self._changed.set()
        try:
            await _first_of(self._hear(client), self._pump(client), self._settle())
        finally:
            self._connected = False
            for task in self._publishing:
                task.cancel()
            await asyncio.gather(*self._publishing, return_exceptions=True)
            self._publishing.clear()

    async def _pump(self, client: aiomqtt.Client) -> None:
        """Send what is due, the alarm lane first, one message after the other."""
        while True:
            self._changed.clear()
            self._look_for_stalls(asyncio.get_running_loop().time())
            for lane in Lane:
                if await self._send_due(client, lane):
                    break
            else:
                await self._until_something_changes()

    async def _until_something_changes(self) -> None:
        loop = asyncio.get_running_loop()
        until = min(lane_flow.wakes_at(flow, self._outbox.highest(lane)) for lane, flow in self._flows.items())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, until - loop.time())):
                await self._changed.wait()

    def _look_for_stalls(self, now: float) -> None:
        for lane, flow in self._flows.items():
            if back := lane_flow.impatient(flow, now):
                _LOG.debug("no progress in lane %s above %d; sending again", lane, back.mark)
                self._flows[lane] = back
        if len(self._brokers) > 1 and any(flow.stalls >= _STALLS_UNTIL_NEXT for flow in self._flows.values()):
            self._flows = {lane: msgspec.structs.replace(flow, stalls=0) for lane, flow in self._flows.items()}
            self._next_broker.set()

    async def _send_due(self, client: aiomqtt.Client, lane: Lane) -> bool:
        """Send one message of the lane, if one is due."""
        now = asyncio.get_running_loop().time()
        what = lane_flow.due(self._flows[lane], self._outbox.highest(lane), now)
        if what is None:
            return False
        async with self._numbering:
            if isinstance(what, Ask):
                number = secrets.randbits(_NUMBER_BITS)
                message = events_message(self._epoch, lane, what.first, [], number)
                self._flows[lane] = lane_flow.asked(self._flows[lane], number, now)
            else:
                number = secrets.randbits(_NUMBER_BITS) if what.asks else 0
                message, last = await self._message(lane, what, number)
                self._flows[lane] = lane_flow.sent(self._flows[lane], what, last, number, now)
        await self._publish(client, message)
        return True

    async def _message(self, lane: Lane, send: Send, ask: int) -> tuple[bytes, int]:
        """The message for `send` and the last sequence it carries; what is no more there is told as gone."""
        rows = await asyncio.to_thread(self._outbox.range, lane, send.first, send.last)
        if not rows or rows[0][0] > send.first:
            last = rows[0][0] - 1 if rows else send.last
            return self._gone(lane, send.first, last), last
        events = [event for number, (sequence, event) in enumerate(rows) if sequence == send.first + number]
        number = fitting(events)
        message = events_message(self._epoch, lane, send.first, events[:number], ask)
        if len(message) > LARGEST_MESSAGE:
            _LOG.error("event %d of lane %s has %d bytes and cannot travel; given up", send.first, lane, len(events[0]))
            return self._gone(lane, send.first, send.first), send.first
        return message, send.first + number - 1

    def _gone(self, lane: Lane, first: int, last: int) -> bytes:
        _LOG.warning("events %d to %d of lane %s are no more kept here; told head office that they are gone", first, last, lane)
        return gone_message(self._epoch, lane, first, last - first + 1)

    async def _publish(self, client: aiomqtt.Client, message: bytes) -> None:
        """Hand a message to the broker; waits only while several are on the way.

        Raises:
            aiomqtt.MqttError: one was not PUBACKed in time.
        """
        publishing = client.publish(topic(self._branch, Channel.EVENTS), message, qos=1, timeout=_PUBACK_WITHIN_S)
        self._publishing.add(asyncio.create_task(publishing))
        while True:
            done = {task for task in self._publishing if task.done()}
            self._publishing -= done
            for task in done:
                task.result()
            if len(self._publishing) < _ON_THE_WAY:
                return
            await asyncio.wait(self._publishing, return_when=asyncio.FIRST_COMPLETED)

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            try:
                said = parse_down(Channel(message.topic.value.rpartition("/")[2]), bytes(message.payload))
            except (EnvelopeError, ValueError, TypeError) as error:
                _LOG.debug("not understood on %s: %s", message.topic, error)
                continue
            if isinstance(said, Command):
                await self._commanded(said)
            elif said.epoch == self._epoch:
                await self._answered(said)

    async def _answered(self, said: Ack | Resend | Refused) -> None:
        now, lane = asyncio.get_running_loop().time(), said.lane
        flow, highest = self._flows[lane], self._outbox.highest(lane)
        if isinstance(said, Refused):
            await self._begin_epoch(f"head office holds {lane} {said.sequence} with another body", {lane: said.sequence})
        elif isinstance(said, Resend):
            self._flows[lane] = lane_flow.asked_again(flow, said.first, said.last, highest, now)
        else:
            flow, verdict = lane_flow.acknowledged(flow, said, highest, now)
            self._flows = lane_flow.other_life(self._flows, said.generation, now) | {lane: flow}
            if verdict is Verdict.FOREIGN:
                await self._begin_epoch(f"head office has {lane} up to {max(said.up_to, said.held)}, the store only up to {highest}", {})
            elif verdict is Verdict.BEHIND:
                _LOG.warning("head office has %s only up to %d (it was restored); sending again", lane, said.up_to)
            elif verdict is Verdict.PROGRESS:
                self._marked.set()
        self._changed.set()

    async def _begin_epoch(self, reason: str, again: Mapping[Lane, int]) -> None:
        _LOG.warning("new epoch: %s", reason)
        async with self._numbering:
            await self._new_epoch(reason, again)
            self._epoch = self._outbox.epoch
            now = asyncio.get_running_loop().time()
            self._flows = {lane: lane_flow.connected(lane_flow.begin(self._outbox.acknowledged(lane)), now) for lane in Lane}

    async def _settle(self) -> None:
        """Keep the marks in the outbox, as many answers at once as came meanwhile."""
        while True:
            await self._marked.wait()
            self._marked.clear()
            async with self._numbering:
                for lane, flow in self._flows.items():
                    if flow.mark > self._outbox.acknowledged(lane):
                        await self._outbox.acknowledge(lane, flow.mark)


async def _returning(wait: Coroutine[Any, Any, object]) -> None:
    await wait


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run `works` until one ends; the others are cancelled, and its error, if any, is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
