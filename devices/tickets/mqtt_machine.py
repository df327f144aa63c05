"""A ticket machine or appointment desk over MQTT: what it says is kept, acknowledged to the broker, then to the machine (format F)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

from devices.driver import Branch, LinkDownError, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Command, Occurrence, Outcome, Sample
from devices.wire import ticket_messages as messages
from devices.wire.listening import not_understood
from devices.wire.payload import PayloadError
from devices.wire.sequence import Gaps
from devices.wire.ticket_words import order
from devices.wire.troubles import Troubles

_LOGGER = logging.getLogger(__name__)

_PATIENCE_S: Final = 600.0
_MOST_ORDERS: Final = 64
_AT_ONCE: Final = 64
"""Messages that wait for their commit together: a machine that repeats its whole morning must be faster kept than it repeats."""
_LOOKED_EVERY_S: Final = 10.0
_COPY_WITHIN_S: Final = 600.0
_PAPERS: Final = ("good", "near_end", "end")

_AWAY: Final = text("the ticket machine has left the broker: check its power and its network", "取号机已与 MQTT 代理断开：请检查电源和网络")
_NO_PAPER: Final = text("the ticket machine has no paper: put a new roll in", "取号机缺纸：请更换纸卷")
_COVER: Final = text("the ticket machine's cover is open: close it", "取号机机盖打开：请合上")
_EXPECTED: Final = {
    "ticket": ('{"ticket": "A012", "service": ..., "seq": ...}', '{"ticket": "A012", "service": ..., "seq": ...}'),
    "call": (
        '{"ticket": "A012", "counter": "3", "action": "call", "seq": ...}',
        '{"ticket": "A012", "counter": "3", "action": "call", "seq": ...}',
    ),
    "appointment": ('{"id": ..., "service": ..., "from": ..., "until": ...}', '{"id": ..., "service": ..., "from": ..., "until": ...}'),
    "checkin": ('{"id": ...}', '{"id": ...}'),
    "status": ("online or offline", " online 或 offline"),
}


class MqttMachine:
    """One machine; `repeats` says whether it repeats what was not acknowledged on `<prefix>/ack`."""

    def __init__(self, link: MqttLink, branch: Branch, troubles: Troubles, *, repeats: bool) -> None:
        self._link, self._branch, self._troubles = link, branch, troubles
        self._gaps = Gaps(_PATIENCE_S if repeats else 0.0)
        self._clock = asyncio.get_running_loop().time
        self._orders: asyncio.Queue[Command] = asyncio.Queue(_MOST_ORDERS)
        self.garbage = 0  # messages that said nothing of their kind

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """What runs until cancelled."""
        return self._hear(), self._watch(), self._call_all()

    async def _hear(self) -> None:
        """Keep what the machine says; a message that says nothing is acknowledged too, else it would come again for ever."""
        await self._link.subscribe(*(f"{self._link.prefix}/{kind}" for kind in (*messages.KINDS, "status")))
        room = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as keeping:
            async for message in self._link:
                await room.acquire()
                keeping.create_task(self._answer(message)).add_done_callback(lambda _: room.release())

    async def _answer(self, message: Message) -> None:
        """Keep a message and acknowledge it; several wait for the disk together, in the order in which they came."""
        kind = message.topic.rpartition("/")[2]
        seq = None
        try:
            seq = await self._take(kind, message)
        except PayloadError as error:
            self._not_understood(kind, message.topic, str(error))
        self._link.acknowledge(message)
        if seq is not None:
            await self._confirm(seq)

    async def _take(self, kind: str, message: Message) -> int | None:
        """Keep what `message` says; its number."""
        if kind == "status":
            self._heed(messages.status(message.payload))
        elif not message.retained:  # what is retained is old, and was heard when it was new
            said = messages.said(kind, message.payload)
            if said.happened is not None:
                await self._keep(said.happened, said.seq)
                self._troubles.ended(kind, "away")
            return said.seq
        return None

    async def _keep(self, happened: Occurrence, seq: int | None) -> None:
        await self._branch.happened(happened)  # committed, or known as a copy
        if seq is not None:
            self._gaps.heard(seq, happened.identity, self._clock())
            await self._tell_missed()

    async def _tell_missed(self) -> None:
        for first, last in self._gaps.missed(self._clock()):
            identity = f"missed {first}-{last} {self._branch.now():.3f}"
            await self._branch.happened(
                Occurrence("ticket.missed", "", {"count": last - first + 1}, identity, copy_within_s=_COPY_WITHIN_S)
            )

    async def _watch(self) -> None:
        """Give numbers up that were missing for too long."""
        while True:
            await asyncio.sleep(_LOOKED_EVERY_S)
            await self._tell_missed()

    def _heed(self, status: messages.Status) -> None:
        if status.state == "offline":
            self._troubles.began("away", "offline", _AWAY)
            return
        if status.paper in _PAPERS:
            self._branch.measured(Sample("paper", status.paper))
        trouble = _COVER if status.cover == "open" else _NO_PAPER if status.paper == "end" else None
        if status.fault and trouble is None:
            trouble = text(
                f"the ticket machine reports fault {status.fault}: see its manual", f"取号机报告故障 {status.fault}：请查阅其手册"
            )
        if trouble:
            self._troubles.began("machine", "faulty", trouble)
            self._troubles.ended("away", "status")
        else:
            self._troubles.ended("away", "status", "machine")

    def _not_understood(self, kind: str, topic: str, why: str) -> None:
        self.garbage += 1
        _LOGGER.debug("%s: %s: %s", self._branch.device, topic, why)
        if kind not in self._troubles:
            self._troubles.began(kind, "faulty", not_understood(topic, why, *_EXPECTED[kind]))

    async def _confirm(self, seq: int) -> None:
        try:
            await self._link.publish(f"{self._link.prefix}/ack", messages.acknowledgement(seq))
        except LinkDownError as error:
            _LOGGER.debug("%s: %d is not acknowledged, the machine says it again: %s", self._branch.device, seq, error)

    def take(self, command: Command) -> None:
        """Queue a `call` command."""
        if self._orders.full():
            self._branch.done(command, Outcome.FAILED, f"{_MOST_ORDERS} calls wait for the broker already")
        else:
            self._orders.put_nowait(command)

    async def _call_all(self) -> None:
        """Tell the machine of calls; the broker's word is all that comes back."""
        while True:
            command = await self._orders.get()
            outcome, detail = Outcome.SENT, ""
            try:
                await self._link.publish(f"{self._link.prefix}/call", messages.call(order(command.value), self._branch.now()))
            except ValueError as error:
                outcome, detail = Outcome.REFUSED, str(error)
            except LinkDownError as error:
                outcome, detail = Outcome.FAILED, str(error)
            self._branch.done(command, outcome, detail)
