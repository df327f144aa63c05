"""The plain serial ticket machine: what it says is kept, then acknowledged; what it is told is repeated until it says so (format E)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Final

from devices.driver import Branch, LinkDownError, text
from devices.links.serial import SerialLink
from devices.reading import Command, Occurrence, Outcome, Sample, Text
from devices.wire import ticket_frames as frames
from devices.wire import ticket_words as words
from devices.wire.ticket_frames import Frame
from devices.wire.troubles import Troubles

_LOGGER = logging.getLogger(__name__)

_SEQUENCES: Final = 1 << 16
_SENT_AGAIN: Final = 3
_SENT_AGAIN_AFTER_S: Final = 0.2
_MISSING_BEATS: Final = 3.5  # three are missing, and half a period for the wire
_MOST_WAITING: Final = 64  # frames heard and not yet committed; the machine says again what is dropped here
_MOST_ORDERS: Final = 64
_MOST_MEANINGLESS: Final = 64  # told in the log once each
_NOT_FRAMES_ARE_NOISE: Final = 20  # spoiled frames without a sound one between


class SerialMachine:
    """One machine on a line; `counters` is the counter of each caller behind it by its source."""

    def __init__(self, link: SerialLink, counters: Mapping[int, str], heartbeat_every_s: float, branch: Branch, troubles: Troubles) -> None:
        self._link, self._counters, self._heartbeat_every_s = link, counters, heartbeat_every_s
        self._branch, self._troubles = branch, troubles
        self._clock = asyncio.get_running_loop().time
        self._heard_at = self._clock()
        self._uptime_s = 0
        self._spoiled = 0
        self._waiting: asyncio.Queue[tuple[Frame, Occurrence]] = asyncio.Queue(_MOST_WAITING)
        self._held: set[Frame] = set()  # those waiting
        self._orders: asyncio.Queue[Command] = asyncio.Queue(_MOST_ORDERS)
        self._sequence = int(branch.now()) % _SEQUENCES  # not the numbers that were used before a restart
        self._answers: dict[int, asyncio.Event] = {}
        self._meaningless: set[tuple[int, bytes]] = set()

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """What runs until cancelled."""
        return self._hear(), self._commit(), self._watch(), self._call_all()

    async def _hear(self) -> None:
        """Take in what the machine says; waits for nothing but the line."""
        buffer = bytearray()
        async for received in self._link:
            buffer += received
            for frame in frames.decode(buffer):
                if frame is None:
                    self._spoil()
                elif frame.source != frames.HOST:  # else our own voice
                    self._well_heard()
                    await self._take(frame)

    def _spoil(self) -> None:
        self._spoiled += 1
        if self._spoiled == _NOT_FRAMES_ARE_NOISE:
            self._troubles.began("noise", "faulty", _NOISE)

    def _well_heard(self) -> None:
        self._heard_at, self._spoiled = self._clock(), 0
        self._troubles.ended("silent", "noise")

    async def _take(self, frame: Frame) -> None:
        if frame.type == frames.ACKNOWLEDGEMENT:
            if heard := self._answers.get(frame.sequence):
                heard.set()
        elif frame.type == frames.CLOCK_REQUEST:
            await self._write(words.clock(frame, self._branch.now()))
        elif frame.type == frames.HEARTBEAT:
            self._beat(frame)
        elif frame.type == frames.STATUS and (status := words.status(frame)):
            self._heed(status)
            await self._write(words.acknowledgement(frame))
        elif happened := words.occurrence(frame, self._counters):
            self._keep(frame, happened)
        else:
            self._wonder(frame)

    def _keep(self, frame: Frame, happened: Occurrence) -> bool:
        """Queue it for its commit; False where no more can wait."""
        if frame in self._held:
            return True
        if self._waiting.full():
            return False
        self._held.add(frame)
        self._waiting.put_nowait((frame, happened))
        return True

    def _wonder(self, frame: Frame) -> None:
        what = frame.type, frame.payload
        if what not in self._meaningless and len(self._meaningless) < _MOST_MEANINGLESS:
            self._meaningless.add(what)
            _LOGGER.warning("%s: nothing is known of type %d with %s", self._branch.device, frame.type, frame.payload.hex(" "))

    def _beat(self, frame: Frame) -> None:
        uptime_s = words.uptime_s(frame)
        self._branch.measured(Sample("uptime_s", uptime_s))
        if uptime_s >= self._uptime_s or self._keep(frame, words.restarted(frame)):
            self._uptime_s = uptime_s

    def _heed(self, status: words.Status) -> None:
        self._branch.measured(Sample("paper", status.paper))
        self._branch.measured(Sample("fault_code", status.fault))
        if trouble := status.trouble():
            self._troubles.began("status", "faulty", trouble)
        else:
            self._troubles.ended("status")

    async def _commit(self) -> None:
        """Keep what happened, then tell the machine so; without that the machine says it again."""
        while True:
            frame, happened = await self._waiting.get()
            await self._branch.happened(happened)  # committed, or known as a copy
            self._held.discard(frame)
            if frame.type != frames.HEARTBEAT:
                await self._write(words.acknowledgement(frame))

    async def _write(self, frame: Frame) -> None:
        try:
            await self._link.write(frame.encode())
        except LinkDownError as error:
            _LOGGER.debug("%s: not answered: %s", self._branch.device, error)

    async def _watch(self) -> None:
        """Tell when three heartbeats are missing; of a line that is away its link has told."""
        while True:
            await asyncio.sleep(self._heartbeat_every_s / 2)
            if not self._link.is_open:
                self._heard_at = self._clock()  # what it said meanwhile could not be heard
            elif self._clock() - self._heard_at > _MISSING_BEATS * self._heartbeat_every_s:
                self._troubles.began("silent", "offline", _silent(self._heartbeat_every_s))

    def take(self, command: Command) -> None:
        """Queue a `call` command."""
        if self._orders.full():
            self._branch.done(command, Outcome.FAILED, f"{_MOST_ORDERS} calls wait for the machine already")
        else:
            self._orders.put_nowait(command)

    async def _call_all(self) -> None:
        """Tell the machine one call after the other."""
        while True:
            command = await self._orders.get()
            try:
                outcome, detail = await self._call(command)
            except ValueError as error:
                outcome, detail = Outcome.REFUSED, str(error)
            except LinkDownError as error:
                outcome, detail = Outcome.FAILED, str(error)
            self._branch.done(command, outcome, detail)

    async def _call(self, command: Command) -> tuple[Outcome, str]:
        self._sequence = (self._sequence + 1) % _SEQUENCES
        frame = words.call(words.order(command.value), self._sequence)
        heard = self._answers[self._sequence] = asyncio.Event()
        try:
            for _ in range(1 + _SENT_AGAIN):
                await self._link.write(frame.encode())
                if await _within(_SENT_AGAIN_AFTER_S, heard):
                    return Outcome.CONFIRMED, ""
        finally:
            del self._answers[frame.sequence]
        return Outcome.NOT_CONFIRMED, "the ticket machine did not acknowledge the call"


async def _within(seconds: float, heard: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        return False
    return True


def _silent(heartbeat_every_s: float) -> Text:
    return text(
        f"three heartbeats of the ticket machine are missing (one every {heartbeat_every_s:g} s): check its power and cable",
        f"取号机连续三次没有心跳（应每 {heartbeat_every_s:g} 秒一次）：请检查电源和线缆",
    )


_NOISE: Final = text(
    "only spoiled frames come from the ticket machine: check its cable and the baud rate", "取号机数据全部校验错误：请检查线缆和波特率"
)
