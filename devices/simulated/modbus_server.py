"""Modbus as slaves answer it: requests to answers, over RTU on a wire and over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Iterator
from typing import Final

from devices.simulated.faults import Faults
from devices.simulated.frames import crc16
from devices.simulated.slaves import Slave, Slaves
from devices.simulated.wire import Wire

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_MOST_WORDS: Final = 125
_TURNAROUND_S: Final = 0.004
_TCP_HEADER: Final = struct.Struct(">HHHB")
_LONGEST_PDU: Final = 253


def answer(slave: Slave, pdu: bytes) -> bytes:
    """What a slave answers to a request without address and check; an exception for what it has not."""
    function = pdu[0]
    try:
        if function in {3, 4}:
            return _read(slave, function, *struct.unpack(">HH", pdu[1:5]))
        if function == 6:
            register, word = struct.unpack(">HH", pdu[1:5])
            return pdu[:5] if slave.write(register, [word]) else _refused(function, _ILLEGAL_VALUE)
        if function == 16:
            return _write_several(slave, pdu)
    except struct.error:
        return _refused(function, _ILLEGAL_VALUE)
    return _refused(function, _ILLEGAL_FUNCTION)


def _read(slave: Slave, function: int, register: int, count: int) -> bytes:
    if not 1 <= count <= _MOST_WORDS:
        return _refused(function, _ILLEGAL_VALUE)
    words = [word for word in (slave.read(function, register + place) for place in range(count)) if word is not None]
    if len(words) < count:
        return _refused(function, _ILLEGAL_ADDRESS)
    return struct.pack(f">BB{count}H", function, 2 * count, *words)


def _write_several(slave: Slave, pdu: bytes) -> bytes:
    register, count, size = struct.unpack(">HHB", pdu[1:6])
    words = struct.unpack(f">{count}H", pdu[6 : 6 + size])
    return pdu[:5] if words and slave.write(register, words) else _refused(16, _ILLEGAL_ADDRESS)


def _refused(function: int, code: int) -> bytes:
    return bytes([function | 0x80, code])


def rtu(unit: int, pdu: bytes) -> bytes:
    """A frame of RTU: address, PDU, CRC with the low byte first."""
    body = bytes([unit]) + pdu
    return body + struct.pack("<H", crc16(body))


def rtu_requests(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the sound requests (unit, PDU) out of `buffer`."""
    while len(buffer) >= 8:
        size = 9 + buffer[6] if buffer[1] == 16 else 8
        if size > _LONGEST_PDU + 3:
            del buffer[0]
        elif len(buffer) < size:
            return
        elif struct.unpack("<H", buffer[size - 2 : size])[0] == crc16(bytes(buffer[: size - 2])):
            request = buffer[0], bytes(buffer[1 : size - 2])
            del buffer[:size]
            yield request
        else:
            del buffer[0]


class RtuLine:
    """Slaves on a serial line; one whose address is in `absent` is silent."""

    def __init__(self, wire: Wire, slaves: Slaves, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.absent: set[int] = set()
        self._wire, self._slaves, self._buffer = wire, slaves, bytearray()
        self._answers: set[asyncio.Task[None]] = set()
        wire.listen(self._hear)

    def _hear(self, received: bytes) -> None:
        if not self.faults.hears():
            return
        self._buffer += received
        for unit, pdu in rtu_requests(self._buffer):
            slave = self._slaves.get(unit)
            if slave and unit not in self.absent:
                task = asyncio.get_running_loop().create_task(self._answer(rtu(unit, answer(slave, pdu))))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)

    async def _answer(self, frame: bytes) -> None:
        await asyncio.sleep(_TURNAROUND_S)
        await self._wire.send(self.faults.sent(frame))


class TcpSlaves:
    """Slaves behind a Modbus TCP port on loopback; the port stays the same when plugged again."""

    def __init__(self, slaves: Slaves, *, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.absent: set[int] = set()
        self.port = 0
        self._slaves = slaves
        self._server: asyncio.Server | None = None
        self._hosts: set[asyncio.StreamWriter] = set()

    async def plug(self) -> None:
        """Listen; on one that listens nothing happens."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and drop whoever is connected."""
        server, self._server = self._server, None
        if server:
            server.close()
            for host in tuple(self._hosts):
                host.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hosts.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self._answer_one(reader, writer):
                pass
        self._hosts.discard(writer)
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        transaction, protocol, size, unit = _TCP_HEADER.unpack(await reader.readexactly(_TCP_HEADER.size))
        if protocol != 0 or not 2 <= size <= _LONGEST_PDU + 1:
            return False  # not Modbus: the gateway hangs up
        pdu = await reader.readexactly(size - 1)
        slave = self._slaves.get(unit)
        if slave and unit not in self.absent and self.faults.hears():
            told = answer(slave, pdu)
            for frame in self.faults.messages(_TCP_HEADER.pack(transaction, 0, len(told) + 1, unit) + told):
                writer.write(frame)
            await writer.drain()
        return True
