"""Ticket machine: serial (format E) or over MQTT (format F), with a ticket printer of its own where one is set (format D)."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import AsyncExitStack
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from devices.driver import Branch, DriverSettings, driver
from devices.links.mqtt import MqttLink
from devices.links.serial import SerialLink
from devices.links.tcp import TcpLink
from devices.reading import Command, Outcome
from devices.tickets.mqtt_machine import MqttMachine
from devices.tickets.printer import How, Printer
from devices.tickets.serial_machine import SerialMachine
from devices.wire.troubles import Troubles


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(f"{encoding!r} is no encoding of text; Chinese printers take gb18030") from None


class Settings(DriverSettings):
    """The machine's link, its printer's, or both."""

    link: SerialLink.Settings | MqttLink.Settings | None = None
    counters: dict[Annotated[int, Field(ge=1, le=255)], Annotated[str, Field(coerce_numbers_to_str=True)]] = Field(default_factory=dict)
    heartbeat_every_s: float = Field(5.0, gt=0)  # of a serial machine
    repeats: bool = True  # whether an MQTT machine repeats what was not acknowledged on <prefix>/ack
    printer: SerialLink.Settings | TcpLink.Settings | None = None
    confirms: bool = True  # whether the printer can say that it has printed (GS ( H)
    encoding: Annotated[str, AfterValidator(_known)] = "gb18030"
    language: str = "zh-CN"  # of the words on a ticket
    confirmed_within_s: float = Field(20.0, gt=0)
    prints_within_s: float = Field(1.5, ge=0)  # of a printer that does not confirm

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.link is None and self.printer is None:
            raise ValueError("neither link nor printer is set: the device has at least one of them")
        return self

    def commanded(self) -> tuple[str, ...]:
        """The quantities that the device can be told."""
        return (*(["call"] if self.link else []), *(["print_ticket"] if self.printer else []))


class _Nothing:
    """Stands where a machine or printer is not set, and refuses what is meant for it."""

    def __init__(self, branch: Branch, what: str) -> None:
        self._branch, self._what = branch, what

    def take(self, command: Command) -> None:
        self._branch.done(command, Outcome.REFUSED, f"{self._branch.device} has no {self._what}: set `{self._what}`")


async def _heed(branch: Branch, machine: SerialMachine | MqttMachine | _Nothing, printer: Printer | _Nothing) -> None:
    async for command in branch.commands():
        if command.quantity == "print_ticket":
            printer.take(command)
        elif command.quantity == "call":
            machine.take(command)
        else:
            branch.done(command, Outcome.REFUSED, f"a ticket machine has nothing called {command.quantity!r}")


@driver("ticket_machine", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the machine, and tell it and its printer what to do, until cancelled; links reconnect by themselves."""
    troubles = Troubles(branch)
    machine: SerialMachine | MqttMachine | _Nothing = _Nothing(branch, "link")
    printer: Printer | _Nothing = _Nothing(branch, "printer")
    async with AsyncExitStack() as links, asyncio.TaskGroup() as tasks:
        if isinstance(settings.link, SerialLink.Settings):
            line = await links.enter_async_context(branch.open(settings.link))
            machine = SerialMachine(line, settings.counters, settings.heartbeat_every_s, branch, troubles)
        elif settings.link is not None:
            broker = await links.enter_async_context(branch.open(settings.link))
            machine = MqttMachine(broker, branch, troubles, repeats=settings.repeats)
        if settings.printer is not None:
            how = How(settings.confirms, settings.encoding, settings.language, settings.confirmed_within_s, settings.prints_within_s)
            printer = Printer(await links.enter_async_context(branch.open(settings.printer)), how, branch, troubles)
        for part in (machine, printer):
            if not isinstance(part, _Nothing):
                for work in part.tasks():
                    tasks.create_task(work)
        tasks.create_task(_heed(branch, machine, printer))
