"""Terminals (VTM, smart counters, ATM, printers, robots) over MQTT: heartbeats, faults, commands and their results (format J)."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from pydantic import Field, model_validator

from devices.driver import Branch, DriverSettings, LinkDownError, driver, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Command, Outcome
from devices.wire.availability import heed
from devices.wire.description import Availability
from devices.wire.faults import fault
from devices.wire.heartbeat import COPY_WITHIN, COPY_WITHIN_S, Heartbeat, Result, faults, heartbeat, identity, occurred, result
from devices.wire.listening import Garbage, Silence, hear_all
from devices.wire.payload import PayloadError, document
from devices.wire.slave import joined
from devices.wire.troubles import Troubles

_VERBS: Final = ("restart", "test_print")
_MISSING: Final = 3  # heartbeats
_EXPECTED: Final[Mapping[str, tuple[str, str]]] = {
    "heartbeat": ('a heartbeat such as {"state": "in_service", "faults": []}', '形如 {"state": "in_service", "faults": []} 的心跳'),
    "fault": ('faults such as {"faults": ["CARD_JAM"]}', '形如 {"faults": ["CARD_JAM"]} 的故障'),
    "result": ('a result such as {"id": "…", "ok": true}', '形如 {"id": "…", "ok": true} 的执行结果'),
    "status": ("online or offline", "online 或 offline"),
}


class Settings(DriverSettings):
    """The terminal's prefix, and how often it says that it is there."""

    link: MqttLink.Settings
    heartbeat_s: float = Field(default=30.0, ge=1, le=3600)
    answer_s: float = Field(default=60.0, gt=0, le=900)  # within this a command must be answered

    @model_validator(mode="before")
    @classmethod
    def _doubted_after_three_heartbeats(cls, written: Any) -> Any:
        every_s = written.get("heartbeat_s", 30.0) if isinstance(written, Mapping) else None
        if not isinstance(every_s, int | float) or written.get("stale_after_s") is not None:
            return written
        return {**written, "stale_after_s": _MISSING * every_s}

    def commanded(self) -> tuple[str, ...]:
        return _VERBS


class Terminal:
    """One terminal: what it says of itself, and what it was told to do."""

    def __init__(self, settings: Settings, branch: Branch, link: MqttLink) -> None:
        self._settings, self._branch, self._link = settings, branch, link
        self._prefix = settings.link.mqtt
        self._troubles = Troubles(branch)
        self.garbage = Garbage(branch, self._troubles)
        self._availability = Availability(f"{self._prefix}/status", pointer="/state")
        self._known: deque[tuple[str, float]] = deque(maxlen=COPY_WITHIN)
        self._uptime_s: float | None = None
        self._awaited: dict[str, asyncio.Future[Result]] = {}
        stale_s = settings.stale_after_s or 0.0
        self.silence = Silence(self._troubles, text(self._prefix, self._prefix), stale_s, 2 * stale_s or None)

    @property
    def topics(self) -> tuple[str, ...]:
        """All that is to be subscribed."""
        return tuple(f"{self._prefix}/{name}" for name in _EXPECTED)

    async def hear(self, message: Message) -> None:
        """Tell what a message says; returns when what happened is committed, and never fails, whatever it is."""
        name = message.topic.removeprefix(f"{self._prefix}/")
        try:
            await self._understand(name, document(message.payload), message)
        except PayloadError as error:
            if name in _EXPECTED:
                self.garbage.came(message.topic, str(error), _EXPECTED[name], f"garbage on {name}")
        else:
            self._troubles.ended(f"garbage on {name}")

    async def _understand(self, name: str, said: Any, message: Message) -> None:
        if name == "status" or said == "offline":  # the last will, wherever it stands
            heed(self._availability, said, message.topic, self._troubles)
        elif name == "heartbeat":
            await self._beat(heartbeat(said), said, message)
        elif name == "fault":
            await self._failed(faults(said), said, message)
        elif name == "result":
            self._answered(result(said))

    async def _beat(self, beat: Heartbeat, said: Any, message: Message) -> None:
        for fact in beat.samples(message.topic):
            self._branch.measured(fact)
        over = set() if message.retained else {"silence", "away", "availability"}
        if beat.trouble is None:
            over.add("condition")
        else:
            self._troubles.began("condition", "faulty", beat.trouble)
        self._troubles.ended(*over)
        if not message.retained:  # what the broker kept says nothing of the terminal now
            self.silence.heard()
            if not self._copy(identity(said)):
                await self._restarted(beat.uptime_s, said)

    def _copy(self, name: str) -> bool:
        """Whether the same came within the last heartbeats and minutes; one that comes late is no sign of a restart."""
        now = asyncio.get_running_loop().time()
        copy = any(name == known and now - t <= COPY_WITHIN_S for known, t in self._known)
        self._known.append((name, now))
        return copy

    async def _restarted(self, uptime_s: float | None, said: Any) -> None:
        before, self._uptime_s = self._uptime_s, uptime_s
        if before is not None and uptime_s is not None and uptime_s < before:
            await self._branch.happened(occurred("machine.restarted", said))

    async def _failed(self, codes: tuple[str, ...], said: Any, message: Message) -> None:
        over = set() if message.retained else {"silence", "away", "availability"}
        if (reason := joined([fault(code) for code in codes])) is not None:
            self._troubles.began("condition", "faulty", reason)
        else:
            over.add("condition")
        self._troubles.ended(*over)
        if not message.retained:  # one that the broker kept was told when it happened
            self.silence.heard()
            if codes:
                await self._branch.happened(occurred("terminal.fault", said, codes))

    def _answered(self, said: Result) -> None:
        if (awaited := self._awaited.get(said.id)) is not None and not awaited.done():
            awaited.set_result(said)

    async def obey(self) -> None:
        """Do what the branch commands, and say what came of it as the terminal answers."""
        async for command in self._branch.commands():
            outcome, detail = await self._try(command)
            self._branch.done(command, outcome, detail)

    async def _try(self, command: Command) -> tuple[Outcome, str]:
        now = self._branch.now()
        if command.until is not None and command.until < now:
            return Outcome.EXPIRED, ""
        if command.quantity not in _VERBS or command.value is not True:
            return Outcome.REFUSED, f"a terminal can be told {' or '.join(_VERBS)} (true), nothing else"
        name = command.id or uuid.uuid4().hex
        expires = now + self._settings.answer_s if command.until is None else min(command.until, now + self._settings.answer_s)
        self._awaited[name] = asyncio.get_running_loop().create_future()
        try:
            return await self._send(name, command.quantity, expires)
        except LinkDownError as error:
            return Outcome.FAILED, str(error)
        finally:
            del self._awaited[name]

    async def _send(self, name: str, verb: str, expires: float) -> tuple[Outcome, str]:
        written = datetime.fromtimestamp(expires, UTC).isoformat(timespec="seconds")
        await self._link.publish(f"{self._prefix}/command", msgspec.json.encode({"id": name, "verb": verb, "expires": written}))
        try:
            async with asyncio.timeout(self._settings.answer_s):
                answer = await self._awaited[name]
        except TimeoutError:
            return Outcome.NOT_CONFIRMED, f"no result on {self._prefix}/result within {self._settings.answer_s:g} s"
        return (Outcome.CONFIRMED if answer.ok else Outcome.FAILED), answer.detail


@driver("terminal", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the terminal and tell it what to do until cancelled; the link reconnects by itself."""
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        terminal = Terminal(settings, branch, link)
        await link.subscribe(*terminal.topics)
        both.create_task(hear_all(link, terminal.hear))
        both.create_task(terminal.obey())
        both.create_task(terminal.silence.watch())
