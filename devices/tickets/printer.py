"""A ticket printer: one ticket at a time, and only what the printer says it printed is printed (format D)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from devices.driver import Branch, LinkDownError, text
from devices.links.byte_wire import ByteLink
from devices.reading import Command, Occurrence, Outcome, Sample
from devices.wire.escpos import PAPER_REQUEST, PROCESSES, Confirmed, Paper, Slip, confirmation, decode, printed, slip
from devices.wire.troubles import Troubles

_LOGGER = logging.getLogger(__name__)

_ANSWERS_WITHIN_S: Final = 1.0
_ASKED_EVERY_S: Final = 30.0
_ASKED_AGAIN_S: Final = 2.0  # where it does not answer
_MOST_WAITING: Final = 16
_COPY_WITHIN_S: Final = 600.0

_OUTCOMES: Final = {"ok": Outcome.CONFIRMED, "failed": Outcome.FAILED, "unknown": Outcome.NOT_CONFIRMED}
_SILENT: Final = text("the ticket printer does not answer: check its power and cable", "小票打印机无应答：请检查电源和线缆")
_NO_PAPER: Final = text("the ticket printer has no paper: put a new roll in", "小票打印机缺纸：请更换纸卷")


class How(msgspec.Struct, frozen=True):
    """How the printer is spoken with; see the settings of `ticket_machine`."""

    confirms: bool
    encoding: str
    language: str
    confirmed_within_s: float
    prints_within_s: float


class Printer:
    """Prints what commands ask for; tells `ticket.printed` of each ticket before the command's outcome."""

    def __init__(self, link: ByteLink, how: How, branch: Branch, troubles: Troubles) -> None:
        self._link, self._how, self._branch, self._troubles = link, how, branch, troubles
        self._commands: asyncio.Queue[Command] = asyncio.Queue(_MOST_WAITING)
        self._asking = asyncio.Lock()
        self._paper: str | None = None  # the answer to the question that was asked last
        self._confirmed: int | None = None
        self._answered = asyncio.Event()
        self._process = int(branch.now()) % PROCESSES  # what was printed before a restart is not taken for this

    def take(self, command: Command) -> None:
        """Queue a `print_ticket` command."""
        if self._commands.full():
            self._branch.done(command, Outcome.FAILED, f"{_MOST_WAITING} tickets wait for the printer already")
        else:
            self._commands.put_nowait(command)

    def tasks(self) -> tuple[Coroutine[None, None, None], ...]:
        """What runs until cancelled."""
        return self._hear(), self._watch(), self._print_all()

    async def _hear(self) -> None:
        """Take in what the printer answers."""
        buffer = bytearray()
        async for received in self._link:
            buffer += received
            for said in decode(buffer):
                if isinstance(said, Confirmed):
                    self._confirmed = said.process
                else:
                    self._heed(said)
                self._answered.set()

    def _heed(self, said: Paper) -> None:
        self._paper = said.paper
        self._branch.measured(Sample("paper", said.paper))
        if said.paper == "end":
            self._troubles.began("printer", "faulty", _NO_PAPER)
        else:
            self._troubles.ended("printer")

    async def _watch(self) -> None:
        """Ask for the paper now and then."""
        while True:
            async with self._asking:
                paper = await self._ask_paper()
            await asyncio.sleep(_ASKED_EVERY_S if paper else _ASKED_AGAIN_S)

    async def _print_all(self) -> None:
        """Print ticket after ticket."""
        while True:
            command = await self._commands.get()
            try:
                wanted = slip(command.value)
            except ValueError as error:
                self._branch.done(command, Outcome.REFUSED, str(error))
                continue
            async with self._asking:
                print_, detail = await self._print(wanted)
            identity = f"printed {command.id} {wanted.ticket} {self._process} {self._branch.now():.3f}"
            data = {"ticket": wanted.ticket, "print": print_}
            await self._branch.happened(Occurrence("ticket.printed", "", data, identity, copy_within_s=_COPY_WITHIN_S))
            self._branch.done(command, _OUTCOMES[print_], detail)

    async def _print(self, wanted: Slip) -> tuple[str, str]:
        """`ok`, `failed` (surely not printed, or not whole) or `unknown`, and why."""
        paper = await self._ask_paper() or await self._ask_paper()
        if paper is None:
            return "failed", _SILENT["en"]
        if paper == "end":  # the printer would keep the ticket and print it when its customer is long gone
            return "failed", _NO_PAPER["en"]
        self._process = (self._process + 1) % PROCESSES
        ticket = printed(wanted, encoding=self._how.encoding, language=self._how.language)
        try:
            await self._link.write(ticket + (confirmation(self._process) if self._how.confirms else b""))
        except LinkDownError as error:
            return "unknown", str(error)
        return await (self._confirmation() if self._how.confirms else self._paper_after())

    async def _confirmation(self) -> tuple[str, str]:
        until = asyncio.get_running_loop().time() + self._how.confirmed_within_s
        paper: str | None = "good"
        while asyncio.get_running_loop().time() < until:
            if await self._answer_within(_ANSWERS_WITHIN_S, lambda: self._confirmed == self._process):
                return "ok", ""
            paper = await self._ask_paper()
            if paper == "end":
                return "failed", _NO_PAPER["en"]
        return "unknown", "not confirmed by the printer" if paper else _SILENT["en"]

    async def _paper_after(self) -> tuple[str, str]:
        await asyncio.sleep(self._how.prints_within_s)
        paper = await self._ask_paper()
        if paper == "end":
            return "failed", _NO_PAPER["en"]
        return ("ok", "") if paper else ("unknown", _SILENT["en"])

    async def _ask_paper(self) -> str | None:
        """What the paper sensor says; None where the printer does not answer."""
        self._paper = None
        try:
            await self._link.write(PAPER_REQUEST)
        except LinkDownError as error:
            _LOGGER.debug("%s: the printer was not asked: %s", self._branch.device, error)
            return None
        if not await self._answer_within(_ANSWERS_WITHIN_S, lambda: self._paper is not None):
            self._troubles.began("printer", "faulty", _SILENT)
        return self._paper

    async def _answer_within(self, seconds: float, is_there: Callable[[], bool]) -> bool:
        """Whether an answer for which `is_there` holds comes (or came) in time."""
        try:
            async with asyncio.timeout(seconds):
                while not is_there():
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return False
        return True
