"""Modbus frames: requests as bytes, and the answers that belong to them, in RTU and TCP framing (Modbus over serial line 1.02, MBAP)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import msgspec
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_SEVERAL = 3, 4, 6, 16
LONGEST: Final = 260  # bytes of the longest frame, that of MBAP; 256 in RTU
_MOST_READ, _MOST_WRITTEN = 125, 123  # registers a request
_REQUESTS: Final[Mapping[int, type[ModbusPDU]]] = {
    READ_HOLDING: ReadHoldingRegistersRequest,
    READ_INPUT: ReadInputRegistersRequest,
    WRITE_ONE: WriteSingleRegisterRequest,
    WRITE_SEVERAL: WriteMultipleRegistersRequest,
}
_EXCEPTION: Final = 0x80
_DECODER: Final = DecodePDU(is_server=False)
_RTU: Final = FramerRTU(_DECODER)
_TCP: Final = FramerSocket(_DECODER)


class Request(msgspec.Struct, frozen=True):
    """What is asked of a unit: `count` registers read, or `words` written.

    Raises:
        ValueError: it cannot be asked in Modbus; the text says what is out of range.
    """

    unit: int
    function: int
    register: int
    count: int
    words: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        reading = self.function in {READ_HOLDING, READ_INPUT}
        if self.function not in _REQUESTS:
            raise ValueError(f"Modbus function {self.function} is none of 3, 4, 6 and 16")
        if not 0 <= self.unit <= 255 or (reading and self.unit == 0):
            raise ValueError(f"unit {self.unit} cannot be asked; addresses go from 1 to 255")
        if not 1 <= self.count <= (_MOST_READ if reading else _MOST_WRITTEN):
            raise ValueError(f"{self.count} registers do not fit a request")
        if not 0 <= self.register <= 0x10000 - self.count:
            raise ValueError(f"registers {self.register} to {self.register + self.count - 1} are not all from 0 to 65535")
        if not all(0 <= word <= 0xFFFF for word in self.words):
            raise ValueError(f"{list(self.words)} are not all from 0 to 65535")

    def pdu(self, transaction: int) -> ModbusPDU:
        """The same as pymodbus has it."""
        kind = _REQUESTS[self.function]
        return kind(dev_id=self.unit, transaction_id=transaction, address=self.register, count=self.count, registers=self.words)

    def size(self, body: bytes) -> int:
        """Bytes that an answer beginning with `body` (from its function code on) has, or 0 where it cannot be one of ours."""
        if body[0] == self.function | _EXCEPTION:
            return 2
        if body[0] != self.function:
            return 0
        if self.function in {READ_HOLDING, READ_INPUT}:
            return 2 + 2 * self.count if body[1:2] in {b"", bytes((2 * self.count,))} else 0
        echo = self.register.to_bytes(2, "big") + (self.words[0] if self.function == WRITE_ONE else self.count).to_bytes(2, "big")
        return 5 if echo.startswith(body[1:5]) else 0


class Answer(msgspec.Struct, frozen=True):
    """The words that were read (none of a write), or the exception code of a unit that refuses."""

    words: tuple[int, ...] = ()
    refused: int | None = None


def _answer(body: bytes) -> Answer | None:
    pdu = _DECODER.decode(body)
    if pdu is None:
        return None
    return Answer(refused=pdu.exception_code) if pdu.isError() else Answer(tuple(pdu.registers))


class Framing(Protocol):
    """How requests and answers stand on the wire."""

    def encode(self, request: Request, transaction: int) -> bytes:
        """The request's bytes."""
        ...

    def answers(self, buffer: bytearray, request: Request, transaction: int) -> Iterator[Answer]:
        """Take answers to `request` out of `buffer`, and what is none; at most one unfinished frame stays."""
        ...


class Rtu:
    """Unit, function, data, CRC; nothing in it says to which of two like requests an answer belongs."""

    def encode(self, request: Request, transaction: int) -> bytes:
        return _RTU.buildFrame(request.pdu(transaction))

    def answers(self, buffer: bytearray, request: Request, _transaction: int) -> Iterator[Answer]:
        start = 0
        begins = re.compile(
            re.escape(bytes((request.unit,))) + b"[" + re.escape(bytes((request.function, request.function | _EXCEPTION))) + b"]"
        )
        while found := begins.search(buffer, start):
            start = found.start()
            size = request.size(bytes(buffer[start + 1 : start + 6]))
            end = start + 1 + size + 2
            if size and end > len(buffer):
                break
            if not size or not _is_sound(bytes(buffer[start:end])):
                start += 1
                continue
            body = bytes(buffer[start + 1 : end - 2])
            del buffer[:end]
            start = 0
            if answer := _answer(body):
                yield answer
        else:
            start = max(start, len(buffer) - 1)  # the last byte may be a unit whose function is yet to come
        del buffer[:start]


def _is_sound(frame: bytes) -> bool:
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


class Tcp:
    """MBAP header before unit, function and data; an answer carries its request's transaction number."""

    def encode(self, request: Request, transaction: int) -> bytes:
        return _TCP.buildFrame(request.pdu(transaction))

    def answers(self, buffer: bytearray, request: Request, transaction: int) -> Iterator[Answer]:
        while len(buffer) >= 8:
            size = int.from_bytes(buffer[4:6], "big")  # of unit, function and data
            if buffer[2:4] != b"\0\0" or not 2 <= size <= LONGEST - 6:
                del buffer[0]  # no header: look for one further on
                continue
            if len(buffer) < 6 + size:
                return
            number, unit, body = int.from_bytes(buffer[:2], "big"), buffer[6], bytes(buffer[7 : 6 + size])
            del buffer[: 6 + size]
            if number == transaction and unit == request.unit and request.size(body) == len(body) and (answer := _answer(body)):
                yield answer
