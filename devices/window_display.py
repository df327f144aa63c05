"""Window displays: a number and a short text in Modbus registers on a shared line (format B)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final, Self

import msgspec
from pydantic import Field, model_validator

from devices.driver import Branch, DriverSettings, LinkDownError, driver, text
from devices.links.modbus import ModbusLine, RefusedError, SilentError
from devices.reading import Command, Outcome, Text
from devices.wire.quantities import plausible, shortened
from devices.wire.troubles import Troubles

_NUMBER: Final = 0x0000
_TEXT: Final = 0x0070
_LARGEST_NUMBER: Final = 0xFFFF
_LOOK_EVERY_S: Final = 1.0
_TRIES: Final = 2  # of a write that is not answered


class Settings(DriverSettings):
    """The line, and which counter of the branch the display at each address belongs to."""

    link: ModbusLine.Settings
    counters: dict[Annotated[int, Field(ge=1, le=247)], str] = Field(min_length=1)
    places: int = Field(default=6, ge=2, le=32, multiple_of=2)  # characters of the text
    timeout_s: float = Field(default=1.0, gt=0, le=10)
    refresh_s: float = Field(default=60.0, ge=1, le=3600)  # it is written again: one that lost its power has it back

    @model_validator(mode="after")
    def _one_display_a_counter(self) -> Self:
        if len(set(self.counters.values())) < len(self.counters):
            raise ValueError("a counter has one display; give each address a counter of its own")
        return self

    def commanded(self) -> tuple[str, ...]:
        return ("waiting", "ticket")

    def serves(self) -> Mapping[str, tuple[str, str]]:
        return {counter: ("counter", counter) for counter in self.counters.values()}


class Shown(msgspec.Struct, frozen=True):
    """Words for a display's registers, the first of them at `register`."""

    register: int
    words: tuple[int, ...]


def shown(command: Command, places: int = 6) -> Shown:
    """What makes a display show the command: people waiting as the number, a ticket in the middle of the text.

    Raises:
        ValueError: the display cannot show it; the text says why.
    """
    if command.quantity == "waiting":
        number = plausible("waiting", command.value)
        if not isinstance(number, int) or number > _LARGEST_NUMBER:
            raise ValueError(f"waiting needs a whole number from 0, not {shortened(command.value)}")
        return Shown(_NUMBER, (number,))
    if command.quantity != "ticket":
        raise ValueError(f"a window display cannot be told {command.quantity}")
    ticket = str(command.value)
    if len(ticket) > places or not ticket.isascii() or not ticket.isprintable():
        raise ValueError(f"a display of {places} ASCII characters cannot show {shortened(ticket)}")
    padded = ticket.center(places).encode()
    return Shown(_TEXT, tuple(int.from_bytes(padded[at : at + 2], "big") for at in range(0, places, 2)))


class Display:
    """One display on the line: what it should show, and whether it answers."""

    def __init__(self, settings: Settings, branch: Branch, line: ModbusLine, address: int) -> None:
        self._settings, self._line, self._address = settings, line, address
        self._troubles = Troubles(branch, settings.counters[address])
        self._wished: dict[int, Shown] = {}
        self._due = 0.0  # loop time at which it is written again

    async def show(self, wished: Shown, tries: int = _TRIES) -> tuple[Outcome, str]:
        """Write it; the display's answer, which repeats what it took over, confirms it."""
        self._wished[wished.register] = wished
        self._due = asyncio.get_running_loop().time() + self._settings.refresh_s
        try:
            await self._line.write(self._address, wished.register, wished.words, timeout_s=self._settings.timeout_s)
        except SilentError as error:
            if tries > 1 and "silence" not in self._troubles:
                return await self.show(wished, tries - 1)
            self._troubles.began("silence", "offline", _silent(self._address))
            return Outcome.FAILED, str(error)
        except LinkDownError as error:
            self._due = 0.0  # as soon as the line is back, which the link tells
            return Outcome.FAILED, str(error)
        except RefusedError as error:
            self._troubles.began("refusal", "faulty", _refuses(self._address, str(error)))
            self._troubles.ended("silence")
            return Outcome.REFUSED, str(error)
        self._troubles.ended("silence", "refusal")
        return Outcome.CONFIRMED, ""

    async def refresh(self) -> None:
        """Write all that it should show again when that is due; a silent display costs the line one timeout."""
        if asyncio.get_running_loop().time() < self._due:
            return
        for wished in list(self._wished.values()):
            outcome, _ = await self.show(wished, tries=1)
            if outcome is Outcome.FAILED:
                return


def _silent(address: int) -> Text:
    return text(
        f"the display at Modbus address {address} does not answer: check its power, wiring (A and B), address and baud rate",
        f"Modbus 地址 {address} 的窗口屏无应答：请检查供电、A/B 接线、地址和波特率",
    )


def _refuses(address: int, why: str) -> Text:
    return text(
        f"what answers at Modbus address {address} takes no number or text ({why}): check that it is a window display",
        f"Modbus 地址 {address} 的设备不接受数字或文字（{why}）：请确认它是窗口屏",
    )


async def _obey(displays: Mapping[str, Display], settings: Settings, branch: Branch) -> None:
    async for command in branch.commands():
        outcome, detail = await _try(command, displays, settings, branch)
        branch.done(command, outcome, detail)


async def _try(command: Command, displays: Mapping[str, Display], settings: Settings, branch: Branch) -> tuple[Outcome, str]:
    if command.until is not None and command.until < branch.now():
        return Outcome.EXPIRED, ""
    if command.part not in displays:
        return Outcome.REFUSED, f"no display is at counter {command.part!r}; there are displays at {', '.join(sorted(displays))}"
    try:
        return await displays[command.part].show(shown(command, settings.places))
    except ValueError as error:
        return Outcome.REFUSED, str(error)


async def _refresh(displays: Mapping[str, Display]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        for display in displays.values():
            await display.refresh()


@driver("window_display", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Show numbers and tickets until cancelled; the line reconnects by itself."""
    async with branch.open(settings.link) as line, asyncio.TaskGroup() as both:
        displays = {counter: Display(settings, branch, line, address) for address, counter in settings.counters.items()}
        both.create_task(_obey(displays, settings, branch))
        both.create_task(_refresh(displays))
