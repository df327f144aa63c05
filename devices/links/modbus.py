"""Modbus line: registers of the units on one wire, RTU on a tty or through a serial server, or Modbus TCP; one request at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

import msgspec
from pydantic import model_validator

from devices.driver import DriverError, LinkSettings
from devices.links.modbus_frame import WRITE_ONE, WRITE_SEVERAL, Request, Rtu, Tcp
from devices.links.modbus_owner import ModbusOwner, RefusedError, SilentError
from devices.links.serial import Line, LineSettings, serial_wire, wire_name
from devices.links.tcp import Address, tcp_name, tcp_wire
from devices.links.wire import Owner, Site

__all__ = ["ModbusLine", "ModbusSettings", "RefusedError", "SilentError"]


class ModbusSettings(LineSettings, LinkSettings["ModbusLine"]):
    """`{serial: /dev/ttyUSB0, baud: 9600, framing: modbus-rtu}` or `{tcp: "host:502", framing: modbus-tcp}` (or `modbus-rtu`)."""

    serial: Line | None = None
    tcp: Address | None = None
    framing: Literal["modbus-rtu", "modbus-tcp"] | None = None  # None: RTU on a serial line, TCP on the network

    @model_validator(mode="after")
    def _one_wire(self) -> Self:
        if (self.serial is None) == (self.tcp is None):
            raise ValueError("a Modbus link has either `serial` or `tcp`")
        if self.serial is not None and self.framing == "modbus-tcp":
            raise ValueError("modbus-tcp does not go over a serial line; write `tcp: host:502`, or framing modbus-rtu")
        return self

    @property
    def is_rtu(self) -> bool:
        return self.framing == "modbus-rtu" or self.serial is not None

    def wire(self) -> str:
        return wire_name(self.serial) if self.serial is not None else tcp_name(self.tcp or "")

    def terms(self) -> dict[str, object]:
        return {**super().terms(), "framing": "modbus-rtu" if self.is_rtu else "modbus-tcp"}

    def owner(self, site: Site) -> Owner[ModbusLine]:
        deaf = msgspec.structs.replace(site, heard=lambda *_: None)
        wire = serial_wire(self.serial, self, deaf) if self.serial is not None else tcp_wire(self.tcp or "", deaf)
        return ModbusOwner(wire, Rtu() if self.is_rtu else Tcp(), ModbusLine, site.heard, character_s=self.character_s)


class ModbusLine:
    """A device's own view of a Modbus line; its requests stand in turn with those of other devices, one of each at a time."""

    Settings: TypeAlias = ModbusSettings

    def __init__(self, owner: ModbusOwner[ModbusLine], device: str) -> None:
        self._owner = owner
        self._device = device
        self._turn = asyncio.Lock()

    async def read(self, unit: int, function: int, register: int, count: int, *, timeout_s: float = 1.0) -> list[int]:
        """`count` 16-bit words from `register` on, of holding (function 3) or input registers (function 4).

        Raises:
            LinkDownError: the wire is away.
            SilentError: no answer, or none that is surely this request's, within `timeout_s`.
            RefusedError: the unit answers with an exception code.
        """
        return list(await self._ask(unit, function, register, count, (), timeout_s))

    async def write(self, unit: int, register: int, words: Sequence[int], *, timeout_s: float = 1.0) -> None:
        """Set the registers from `register` on: one word by function 6, several by function 16; unit 0 is all units, and none answers.

        Raises:
            LinkDownError, SilentError, RefusedError: as for `read`.
        """
        function = WRITE_ONE if len(words) == 1 else WRITE_SEVERAL
        await self._ask(unit, function, register, len(words), tuple(words), timeout_s)

    async def _ask(self, unit: int, function: int, register: int, count: int, words: tuple[int, ...], timeout_s: float) -> tuple[int, ...]:
        try:
            request = Request(unit, function, register, count, words)
        except ValueError as error:
            raise DriverError(str(error)) from error
        async with self._turn:
            return await self._owner.ask(request, timeout_s, self._device)
