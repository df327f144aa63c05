"""Frames of the plain serial ticket machine (format E): bytes to frames and back; pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final, Self

import msgspec

KEY, ISSUED, STATUS, CLOCK_REQUEST, HEARTBEAT, ACKNOWLEDGEMENT, CLOCK, CALL = range(1, 9)
"""TYPE of a frame."""

HOST: Final = 0
"""SRC of what we say."""

LONGEST: Final = 16  # bytes of the longest frame

_PAYLOAD_SIZE: Final[Mapping[int, int]] = {
    KEY: 1,
    ISSUED: 5,
    STATUS: 3,
    CLOCK_REQUEST: 0,
    HEARTBEAT: 4,
    ACKNOWLEDGEMENT: 0,
    CLOCK: 4,
    CALL: 5,
}
_HEAD: Final = struct.Struct(">BBBHBB")  # LEN VER SRC SEQ TYPE PLEN
_COUNTED: Final = _HEAD.size - 1  # of the head, what LEN counts
_AROUND: Final = 5  # 02 LEN before what LEN counts, CRC16 03 after
_START, _END, _VERSION = 0x02, 0x03, 0x01


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 0xA001 reflected, beginning at 0xFFFF (Modbus over serial line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


class Frame(msgspec.Struct, frozen=True):
    """One frame; all sources behind a machine share its sequence of 16 bits."""

    source: int
    sequence: int
    type: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame as it stands on the wire."""
        size = len(self.payload)
        checked = _HEAD.pack(_COUNTED + size, _VERSION, self.source, self.sequence, self.type, size) + self.payload
        return bytes((_START,)) + checked + crc16(checked).to_bytes(2, "little") + bytes((_END,))

    @classmethod
    def of(cls, wire: bytes) -> Self | None:
        """The frame that `wire` is from start to end, or None where its check or its end is wrong."""
        checked, crc, end = wire[1:-3], wire[-3:-1], wire[-1]
        if end != _END or crc16(checked) != int.from_bytes(crc, "little"):
            return None
        _, _, source, sequence, type_, _ = _HEAD.unpack_from(checked)
        return cls(source, sequence, type_, checked[_HEAD.size :])


def decode(buffer: bytearray) -> Iterator[Frame | None]:
    """Yield the sound frames at the head of `buffer` and remove them, None where something looked like one; at most 15 bytes stay.

    Whatever is fixed in a frame is checked as soon as it is here, so that a wrong length holds up nothing and what
    stands inside a spoiled frame is hardly ever taken for one.
    """
    while (start := buffer.find(_START)) >= 0:
        del buffer[:start]
        if not _may_begin(buffer):
            del buffer[0]
            continue
        size = buffer[1] + _AROUND if len(buffer) > 1 else LONGEST
        if len(buffer) < size:
            return
        frame = Frame.of(bytes(buffer[:size]))
        del buffer[: size if frame else 1]  # a frame may begin inside what only looked like one
        yield frame
    buffer.clear()


def _may_begin(buffer: bytearray) -> bool:
    """Whether `buffer` begins as a frame does, as far as it is here."""
    head = bytes(buffer[1 : 1 + _HEAD.size])
    length, version = head[0:1], head[1:2]
    type_, size = head[5:6], head[6:7]
    return (
        (not length or length[0] - _COUNTED in _SIZES)
        and (not version or version[0] == _VERSION)
        and (not type_ or _PAYLOAD_SIZE.get(type_[0], -1) == length[0] - _COUNTED)
        and (not size or size[0] == length[0] - _COUNTED)
    )


_SIZES: Final = frozenset(_PAYLOAD_SIZE.values())
