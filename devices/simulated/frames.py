"""Frames as simulated devices speak them: formats A, C and H; written apart from the drivers, so that neither proves itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

KEYS: Final = {
    "next": b"\x0c",
    "recall": b"\x0d",
    "ask_rating": b"\x0b",
    "confirm": b"\x0f",
    "pause": b"\x12",
    "transfer": b"\x13",
    "no_show": b"\x06\x0f",
    "hang_up": b"\x00\x0f",
    "call_back": b"\x03\x0f",
}
_LONGEST: Final = 32


class BusFrame(msgspec.Struct, frozen=True):
    """A frame of format A."""

    address: int
    command: int
    data: bytes = b""

    def encode(self) -> bytes:
        """The frame as it stands on the wire."""
        body = bytes([self.address, self.command, *self.data])
        return b"\xff\x68" + bytes([len(body)]) * 2 + b"\x68" + body + bytes([sum(body) & 0xFF, 0x16])


def bus_frames(buffer: bytearray) -> Iterator[BusFrame]:
    """Take the sound frames of format A out of `buffer`."""
    while len(buffer) >= 9:
        length = buffer[2]
        if not (buffer[0] == 0xFF and buffer[1] == buffer[4] == 0x68 and length == buffer[3] and 2 <= length <= _LONGEST):
            del buffer[0]
            continue
        if len(buffer) < length + 7:
            return
        body = bytes(buffer[5 : 5 + length])
        if buffer[5 + length] == sum(body) & 0xFF and buffer[6 + length] == 0x16:
            del buffer[: length + 7]
            yield BusFrame(body[0], body[1], body[2:])
        else:
            del buffer[0]


def places(data: bytes) -> str:
    """The six places of a display as text, blanks as spaces."""
    return "".join(str(place) if place < 10 else " " if place == 0x0A else chr(place) for place in data)


def beam_frame(serial_number: str, *, battery_mv: int, moved: tuple[int, int], totals: tuple[int, int], sequence: int) -> bytes:
    """A frame of format C; `moved` and `totals` are people in and out."""
    number = serial_number.encode("ascii").ljust(8, b"\0")[:8]
    wrapped = (totals[0] % 65_536, totals[1] % 65_536, sequence % 256)
    return b"\x02\x06" + number + struct.pack(">BHHHBHHB", 0, battery_mv, *moved, 1, *wrapped)


def queue_line(zone: str, standing: int | None, longest_s: int | None) -> bytes:
    """A line of format H; None is "cannot see"."""
    body = f"QUEUE,{zone},{'' if standing is None else standing},{'' if longest_s is None else longest_s}"
    check = 0
    for byte in body.encode("ascii"):
        check ^= byte
    return f"${body}*{check:02X}\r\n".encode("ascii")


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
