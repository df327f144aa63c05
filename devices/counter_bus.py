"""Counter bus: callers, evaluators and displays that share one RS-485 line (format A)."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

from pydantic import Field

from devices.driver import Branch, DriverError, DriverSettings, LinkDownError, driver
from devices.links.serial import SerialLink
from devices.reading import Command, Outcome
from devices.wire.bus_presence import BusPresence
from devices.wire.counter_frames import AROUND, BEEP, PRESENCE, SHOW, Frame, answer, decode, occurrence, shown
from devices.wire.half_duplex import BusyError, HalfDuplex

_LOGGER = logging.getLogger(__name__)

_BITS_A_CHARACTER: Final = 10  # 8N1
_ANSWERED_WITHIN_S: Final = 0.1
_OWN_WITHIN_S: Final = 0.15  # a device that hears no echo waits 200 ms: sooner comes only our own voice
_TRIED_AGAIN_S: Final = 1.0  # a roll that could not be called
_MOST_WAITING: Final = 64  # presses heard and not yet committed; a device whose press is dropped sends it again


class Settings(DriverSettings):
    """The line, and which counter of the branch each bus address is."""

    link: SerialLink.Settings
    counters: dict[Annotated[int, Field(ge=0, le=255)], Annotated[str, Field(coerce_numbers_to_str=True)]] = Field(
        min_length=1, max_length=32
    )
    letters: bool = False  # whether the displays can show A to Z
    echoes: bool = False  # whether the adapter hears what it says itself
    presence_every_s: float = Field(60.0, gt=0)

    def commanded(self) -> tuple[str, ...]:
        """The quantities that the device can be told."""
        return ("waiting", "ticket", "beep")

    def serves(self) -> Mapping[str, tuple[str, str]]:
        """Its parts are counters."""
        return {counter: ("counter", counter) for counter in self.counters.values()}


class Bus:
    """The line as this driver keeps it: presses that wait for their commit, shows, and the roll call."""

    def __init__(self, link: SerialLink, settings: Settings, branch: Branch) -> None:
        self._link, self._settings, self._branch = link, settings, branch
        self._character_s = _BITS_A_CHARACTER / settings.link.baud
        self._line = HalfDuplex(link, self._character_s)
        self._presence = BusPresence(branch, settings.counters)
        self._presses: asyncio.Queue[Frame] = asyncio.Queue(_MOST_WAITING)
        self._waiting: set[Frame] = set()
        self._own: dict[Frame, float] = {}  # what we said, and until when it may be heard back
        self._displays: dict[int, Frame] = {}  # what each should show
        self._owed: set[int] = set()  # displays that may not show it: written to while they or the line were away
        self._strangers: set[int] = set()
        self._clock = asyncio.get_running_loop().time

    async def hear(self) -> None:
        """Take in what is said on the line; never waits for anything else."""
        buffer = bytearray()
        async for received in self._link:
            buffer += received
            frames = list(decode(buffer))
            self._line.heard(characters_to_come=buffer[2] + AROUND - len(buffer) if len(buffer) > 2 else 0)
            for frame in frames:
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        if self._is_own(frame):
            return
        if frame.address not in self._settings.counters:
            self._meet(frame.address)
            return
        if self._presence.heard(frame.address) and frame.address in self._displays:
            self._owed.add(frame.address)  # it was away: it may have been without power
        if frame not in self._waiting and not self._presses.full() and occurrence(frame, self._settings.counters):
            self._waiting.add(frame)
            self._presses.put_nowait(frame)

    def _is_own(self, frame: Frame) -> bool:
        if frame.command in (SHOW, BEEP):  # nobody else says these
            self._presence.hears_itself(expected=self._settings.echoes)
            return True
        return self._own.pop(frame, 0.0) > self._clock()

    def _meet(self, address: int) -> None:
        if address not in self._strangers:
            self._strangers.add(address)
            _LOGGER.warning("%s: address %d speaks on the bus and is no counter: add it under `counters`", self._branch.device, address)

    async def commit(self) -> None:
        """Keep each press, then tell its device so; without that the device says it again."""
        while True:
            frame = await self._presses.get()
            if happened := occurrence(frame, self._settings.counters):
                await self._branch.happened(happened)  # committed, or known as a copy
            self._waiting.discard(frame)
            try:
                await self._say(answer(frame), self._line.answer, may_be_heard_back=True)
            except (LinkDownError, BusyError) as error:
                _LOGGER.debug("%s: no answer to a press: %s", self._branch.device, error)

    async def _say(self, frame: Frame, say: Callable[[bytes], Awaitable[None]], *, may_be_heard_back: bool) -> None:
        """Write `frame` by `say`, and know it as our own voice when it comes back."""
        if not may_be_heard_back:
            await say(frame.encode())
            return
        self._own[frame] = math.inf
        try:
            await say(frame.encode())
        finally:
            if frame in self._own:
                self._own[frame] = self._clock() + _OWN_WITHIN_S

    async def show(self) -> None:
        """Write what should be shown; a display cannot be read back."""
        addresses: dict[str, list[int]] = {}
        for address, counter in self._settings.counters.items():
            addresses.setdefault(counter, []).append(address)
        async for command in self._branch.commands():
            try:
                outcome, detail = await self._do(command, addresses.get(command.part, []))
            except ValueError as error:
                outcome, detail = Outcome.REFUSED, str(error)
            except DriverError as error:
                outcome, detail = Outcome.FAILED, str(error)
            self._branch.done(command, outcome, detail)

    async def _do(self, command: Command, addresses: list[int]) -> tuple[Outcome, str]:
        if not addresses or command.quantity not in self._settings.commanded():
            return Outcome.REFUSED, f"no counter {command.part!r} on this bus, or nothing called {command.quantity!r} there"
        frames = [shown(command, address, letters=self._settings.letters) for address in addresses]
        for frame in frames:
            if frame.command == SHOW:
                self._displays[frame.address] = frame
                self._owed.add(frame.address)
        for frame in frames:
            async with self._line.turn():
                await self._show(frame)
        return Outcome.SENT, ""

    async def _show(self, frame: Frame) -> None:
        await self._say(frame, self._line.say, may_be_heard_back=False)  # shows are nobody else's: always known as ours
        if self._displays.get(frame.address) == frame:
            self._owed.discard(frame.address)

    async def call_roll(self) -> None:
        """Ask each address in turn whether it is there, and show again what it may have missed."""
        while True:
            next_at = self._clock() + self._settings.presence_every_s
            try:
                for address in self._settings.counters:
                    async with self._line.turn():
                        await self._ask(address)
            except DriverError as error:
                _LOGGER.debug("%s: the roll was not called: %s", self._branch.device, error)
                next_at = self._clock() + min(_TRIED_AGAIN_S, self._settings.presence_every_s)
                if isinstance(error, BusyError):
                    self._presence.busy()
            await asyncio.sleep(max(0.0, next_at - self._clock()))

    async def _ask(self, address: int) -> None:
        question = Frame(address, PRESENCE)
        heard = self._presence.listen(address)
        # the device's answer is the same frame: only an adapter known to hear itself makes the first one ours
        await self._say(question, self._line.say, may_be_heard_back=self._settings.echoes)
        on_the_wire_s = 2 * len(question.encode()) * self._character_s
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S + on_the_wire_s):
                await heard.wait()
        except TimeoutError:
            self._presence.unanswered(address)
        else:
            if address in self._owed:
                await self._show(self._displays[address])


@driver("counter_bus", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear presses and show numbers until cancelled; the link reconnects by itself."""
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as all_four:
        bus = Bus(link, settings, branch)
        for task in (bus.hear(), bus.commit(), bus.show(), bus.call_roll()):
            all_four.create_task(task)
