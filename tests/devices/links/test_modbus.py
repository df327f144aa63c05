"""Modbus line: the documented bytes on a real pty, spoilt, half and late answers, turns, RTU and TCP over the network."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pymodbus.framer import FramerRTU

from devices.driver import DriverError, LinkDownError
from devices.links.lines import Lines
from devices.links.modbus import ModbusLine, RefusedError, SilentError
from devices.links.modbus_frame import LONGEST, Answer, Request, Rtu, Tcp

Serve = Callable[[bytes], bytes | None]


def rtu(body: str) -> bytes:
    """A frame from its hex digits, with its CRC."""
    frame = bytes.fromhex(body)
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def words_of(request: bytes) -> bytes:
    """The answer of a unit whose registers hold their own numbers."""
    register, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
    body = request[:2] + bytes((2 * count,)) + b"".join((register + at).to_bytes(2, "big") for at in range(count))
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


class Slaves:
    """The units on an RS-485 line: a pty whose other end answers each request by `serve`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.serve: Serve = words_of
        self._heard = bytearray()
        self._asked = asyncio.Event()

    def begin(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink()
        os.close(self._master)
        os.close(self._slave)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    async def asked(self, count: int) -> None:
        """Return when `count` requests have come."""
        while len(self.requests) < count:
            self._asked.clear()
            await self._asked.wait()

    def _read(self) -> None:
        self._heard += os.read(self._master, 1000)
        while len(self._heard) >= 8:
            size = 8 if self._heard[1] != 16 else 9 + self._heard[6]
            if len(self._heard) < size:
                return
            request = bytes(self._heard[:size])
            del self._heard[:size]
            self.requests.append(request)
            self.times.append(asyncio.get_running_loop().time())
            self._asked.set()
            if answer := self.serve(request):
                self.say(answer)


@pytest.fixture
async def slaves(tmp_path: Path) -> AsyncIterator[Slaves]:
    slaves = Slaves(tmp_path / "ttyUSB1")
    slaves.begin()
    yield slaves
    slaves.end()


@pytest.fixture
async def line(lines: Lines, slaves: Slaves, told: Any) -> AsyncIterator[ModbusLine]:
    settings = ModbusLine.Settings(serial=str(slaves.path), baud=9600, framing="modbus-rtu")
    async with lines.open(settings, "meter", told) as line:
        await opened(line, slaves)
        yield line


async def opened(line: ModbusLine, slaves: Slaves) -> None:
    """Return when the wire is open."""
    while not slaves.requests:
        try:
            await line.read(1, 3, 0, 1)
        except LinkDownError:
            await asyncio.sleep(0)
    slaves.requests.clear()
    slaves.times.clear()


def scripted(*answers: bytes | None) -> Serve:
    left = deque(answers)
    return lambda _: left.popleft()


VECTORS: list[tuple[str, Callable[[ModbusLine], Any], str, str, object]] = [
    ("xy-md02", lambda line: line.read(1, 4, 1, 2), "01 04 00 01 00 02 20 0B", rtu("01 04 04 00 FB 02 1C").hex(), [251, 540]),
    ("senseair-s8", lambda line: line.read(0xFE, 4, 3, 1), "FE 04 00 03 00 01 D5 C5", "FE 04 02 01 90 AC D8", [400]),
    ("window shows 42", lambda line: line.write(1, 0, [42]), "01 06 00 00 00 2A 08 15", "01 06 00 00 00 2A 08 15", None),
    (
        "window shows A012",
        lambda line: line.write(1, 0x70, [0x2041, 0x3031, 0x3220]),
        "01 10 00 70 00 03 06 20 41 30 31 32 20 95 B3",
        rtu("01 10 00 70 00 03").hex(),
        None,
    ),
]


@pytest.mark.parametrize(("_name", "ask", "request_", "answer", "found"), VECTORS, ids=[vector[0] for vector in VECTORS])
async def test_documented_bytes(
    line: ModbusLine, slaves: Slaves, _name: str, ask: Callable[[ModbusLine], Any], request_: str, answer: str, found: object
) -> None:
    slaves.serve = scripted(bytes.fromhex(answer))
    assert await ask(line) == found
    assert slaves.requests == [bytes.fromhex(request_)]


async def test_a_silent_unit(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    with pytest.raises(SilentError, match=r"unit 3 on serial .*ttyUSB1 does not answer within 0.05 s; check its power, address"):
        await line.read(3, 3, 0, 1, timeout_s=0.05)


@pytest.mark.parametrize(("code", "said"), [(1, "does not know the function"), (2, "no such register"), (99, "refuses")])
async def test_a_unit_that_refuses(line: ModbusLine, slaves: Slaves, code: int, said: str) -> None:
    slaves.serve = scripted(rtu(f"01 83 {code:02x}"))
    with pytest.raises(RefusedError, match=said) as refused:
        await line.read(1, 3, 0, 1)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "spoilt",
    [
        bytes.fromhex("01 03 02 00"),  # half
        bytes.fromhex("01 03 02 00 2A 00 00"),  # wrong CRC
    ],
)
async def test_a_spoilt_answer_is_none_and_the_next_is_heard(line: ModbusLine, slaves: Slaves, spoilt: bytes) -> None:
    slaves.serve = scripted(spoilt, rtu("01 03 02 00 2A"))
    with pytest.raises(SilentError):
        await line.read(1, 3, 0, 1, timeout_s=0.05)
    assert await line.read(1, 3, 0, 1) == [42]


async def test_an_answer_in_pieces_after_noise(line: ModbusLine, slaves: Slaves) -> None:
    whole = b"\xff\x01\x01\x03\x00" + rtu("02 03 02 00 07") + rtu("01 03 02 00 2A")

    def serve(_: bytes) -> None:
        for at, byte in enumerate(whole):
            asyncio.get_running_loop().call_later(at * 0.001, slaves.say, bytes((byte,)))

    slaves.serve = serve
    assert await line.read(1, 3, 0, 1) == [42]


async def test_a_late_answer_before_the_next_request_is_thrown_away(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    with pytest.raises(SilentError):
        await line.read(1, 3, 100, 1, timeout_s=0.02)
    slaves.say(rtu("01 03 02 00 64"))
    slaves.serve = words_of
    assert await line.read(1, 3, 200, 1) == [200]


async def test_a_late_answer_during_the_next_request_is_not_taken_for_its_own(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    with pytest.raises(SilentError):
        await line.read(1, 3, 100, 1, timeout_s=0.02)
    slaves.serve = scripted(rtu("01 03 02 00 64") + rtu("01 03 02 00 C8"))  # the late one, then its own
    assert await line.read(1, 3, 200, 1) == [200]


async def test_what_may_be_late_is_refused_rather_than_believed(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    with pytest.raises(SilentError):
        await line.read(1, 3, 100, 1, timeout_s=0.02)
    slaves.serve = scripted(rtu("01 03 02 00 64"))
    with pytest.raises(SilentError, match="late"):
        await line.read(1, 3, 200, 1, timeout_s=0.05)
    slaves.serve = words_of
    assert await line.read(1, 3, 200, 1) == [200]


async def test_a_late_answer_of_another_length_leaves_its_own_to_come(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(rtu("01 03 04 00 01 00 02"))
    with pytest.raises(SilentError):
        await line.read(1, 3, 100, 1, timeout_s=0.05)
    slaves.serve = scripted(rtu("01 03 02 00 64") + rtu("01 03 02 00 C8"))
    assert await line.read(1, 3, 200, 1) == [200]


async def test_a_cancelled_request_is_no_answer_to_the_next(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    asking = asyncio.create_task(line.read(1, 3, 100, 1))
    await slaves.asked(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    slaves.serve = scripted(rtu("01 03 02 00 64") + rtu("01 03 02 00 C8"))
    assert await line.read(1, 3, 200, 1) == [200]


async def test_frames_keep_3_5_characters_apart(line: ModbusLine, slaves: Slaves) -> None:
    await asyncio.gather(*(line.read(1, 3, register, 1) for register in range(10)))
    gaps = [after - before for before, after in zip(slaves.times, slaves.times[1:], strict=False)]
    assert min(gaps) >= 3.5 * 10 / 9600


async def test_devices_take_turns(lines: Lines, line: ModbusLine, slaves: Slaves, told: Any) -> None:
    settings = ModbusLine.Settings(serial=str(slaves.path), framing="modbus-rtu")
    async with lines.open(settings, "other", told) as other:
        greedy = [asyncio.create_task(line.read(1, 3, register, 1)) for register in range(6)]
        await asyncio.gather(other.read(2, 3, 0, 1), *greedy)
    assert [request[0] for request in slaves.requests][:3].count(2) == 1


async def test_the_wire_goes_in_the_middle(line: ModbusLine, slaves: Slaves, told: Any) -> None:
    slaves.serve = scripted(None)
    asking = asyncio.create_task(line.read(1, 3, 0, 1, timeout_s=30))
    await slaves.asked(1)
    slaves.end()
    with pytest.raises(LinkDownError):
        await asking
    await told.until(1)
    with pytest.raises(LinkDownError, match="ttyUSB1 is away"):
        await line.read(1, 3, 0, 1)
    slaves.begin()
    await told.until(2)
    slaves.serve = words_of
    assert await line.read(1, 3, 7, 1) == [7]


async def test_a_broadcast_waits_for_nobody(line: ModbusLine, slaves: Slaves) -> None:
    slaves.serve = scripted(None)
    await line.write(0, 1, [5])
    await slaves.asked(1)
    assert slaves.requests == [rtu("00 06 00 01 00 05")]


@pytest.mark.parametrize(
    ("unit", "function", "register", "count"),
    [(0, 3, 0, 1), (256, 3, 0, 1), (1, 5, 0, 1), (1, 3, 0, 0), (1, 3, 0, 126), (1, 4, 65_535, 2), (1, 3, -1, 1)],
)
async def test_what_cannot_be_asked(line: ModbusLine, slaves: Slaves, unit: int, function: int, register: int, count: int) -> None:
    with pytest.raises(DriverError):
        await line.read(unit, function, register, count)
    with pytest.raises(DriverError):
        await line.write(1, 0, [])
    with pytest.raises(DriverError):
        await line.write(1, 0, [65_536])
    assert slaves.requests == []


@pytest.fixture
async def gateway() -> AsyncIterator[tuple[str, list[bytes], list[Serve]]]:
    """A server of registers on the network: its address, what it was asked, and (the last counts) how it answers."""
    asked: list[bytes] = []
    how: list[Serve] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while request := await reader.read(1000):
            asked.append(request)
            if answer := how[-1](request):
                writer.write(answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked, how
        for writer in writers:
            writer.close()


async def ready(line: ModbusLine) -> None:
    """Return when the wire is open."""
    owner: Any = line._owner
    while not owner._wire.is_open:  # noqa: ASYNC110 # it tells only who was told that it is away
        await asyncio.sleep(0)


async def test_modbus_tcp(lines: Lines, gateway: Any, told: Any) -> None:
    address, asked, how = gateway
    how.append(lambda request: request[:4] + b"\0\7" + request[6:8] + b"\4\0\1\0\2")
    async with lines.open(ModbusLine.Settings(tcp=address), "ac", told) as line:
        await ready(line)
        assert await line.read(7, 3, 32, 2) == [1, 2]
        assert asked == [bytes.fromhex("00 01 00 00 00 06 07 03 00 20 00 02")]


async def test_modbus_tcp_takes_no_answer_of_another_transaction_or_unit(lines: Lines, gateway: Any, told: Any) -> None:
    address, _, how = gateway
    late, other = bytes.fromhex("00 01 00 00 00 05 07 03 02 00 64"), bytes.fromhex("00 02 00 00 00 05 08 03 02 00 65")
    how.append(lambda request: None if request[1] == 1 else b"\xff" + late + other + request[:4] + bytes.fromhex("00 05 07 03 02 00 C8"))
    async with lines.open(ModbusLine.Settings(tcp=address), "ac", told) as line:
        await ready(line)
        with pytest.raises(SilentError):
            await line.read(7, 3, 100, 1, timeout_s=0.05)
        assert await line.read(7, 3, 200, 1) == [200]


async def test_rtu_over_tcp(lines: Lines, gateway: Any, told: Any) -> None:
    address, asked, how = gateway
    how.append(words_of)
    async with lines.open(ModbusLine.Settings(tcp=address, framing="modbus-rtu"), "ac", told) as line:
        await ready(line)
        assert await line.read(1, 4, 1, 2) == [1, 2]
        assert asked == [bytes.fromhex("01 04 00 01 00 02 20 0B")]


async def test_two_framings_on_one_wire_are_a_mistake(lines: Lines, gateway: Any, told: Any) -> None:
    address, _, _ = gateway
    async with lines.open(ModbusLine.Settings(tcp=address, framing="modbus-rtu"), "meter", told):
        with pytest.raises(DriverError, match="ac wants framing modbus-tcp, but meter has it with framing modbus-rtu"):
            async with lines.open(ModbusLine.Settings(tcp=address, framing="modbus-tcp"), "ac", told):
                pass


@pytest.mark.parametrize(
    "wrong", [{}, {"serial": "/dev/a", "tcp": "a:1"}, {"serial": "/dev/a", "framing": "modbus-tcp"}, {"tcp": "a:1", "framing": "x"}]
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModbusLine.Settings(**wrong)


READS = st.builds(Request, st.integers(1, 255), st.sampled_from([3, 4]), st.integers(0, 65_000), st.integers(1, 125))


@given(READS, st.binary(max_size=600), st.integers(1, 65_535))
def test_no_bytes_break_it_or_pile_up(request: Request, received: bytes, transaction: int) -> None:
    for framing in (Rtu(), Tcp()):
        buffer = bytearray(received)
        list(framing.answers(buffer, request, transaction))
        assert len(buffer) < LONGEST


@given(READS, st.data())
def test_finds_its_answer_in_pieces(request: Request, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.integers(0, 65_535), min_size=request.count, max_size=request.count))
    body = bytes((request.unit, request.function, 2 * request.count)) + b"".join(word.to_bytes(2, "big") for word in words)
    tcp = b"\1\2\0\0" + len(body).to_bytes(2, "big") + body
    frames = [(Rtu(), body + FramerRTU.compute_CRC(body).to_bytes(2, "big")), (Tcp(), tcp)]
    for framing, wire in frames:
        piece, buffer = data.draw(st.integers(1, len(wire))), bytearray()
        found: list[Answer] = []
        for start in range(0, len(wire), piece):
            buffer += wire[start : start + piece]
            found += framing.answers(buffer, request, 0x0102)
        assert found == [Answer(tuple(words))]
        assert not buffer


@given(READS, st.data())
def test_one_wrong_byte_is_no_other_value(request: Request, data: st.DataObject) -> None:
    body = bytes((request.unit, request.function, 2 * request.count)) + data.draw(
        st.binary(min_size=2 * request.count, max_size=2 * request.count)
    )
    wire = bytearray(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))
    true: Iterator[Answer] = Rtu().answers(bytearray(wire), request, 0)
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    assert list(Rtu().answers(wire, request, 0)) in ([], list(true))
