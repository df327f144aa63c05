"""Frames of the plain serial ticket machine (format E), written apart from the driver."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from devices.simulated.frames import crc16

KEY, ISSUED, STATUS, CLOCK_REQUEST, HEARTBEAT, ACKNOWLEDGEMENT, CLOCK, CALL = range(1, 9)
CLASSES: Final = ("normal", "care", "vip", "appointment")
ACTIONS: Final = ("", "call", "recall", "serve", "finish", "no_show", "transfer", "hold")
_FIXED: Final = 6  # VER SRC SEQ SEQ TYPE PLEN


class MachineFrame(msgspec.Struct, frozen=True):
    """One frame; `source` 0 is the host."""

    source: int
    sequence: int
    type: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame as it stands on the wire."""
        counted = struct.pack(">BBHBB", 1, self.source, self.sequence, self.type, len(self.payload)) + self.payload
        checked = bytes([len(counted)]) + counted
        return b"\x02" + checked + struct.pack("<H", crc16(checked)) + b"\x03"


def machine_frames(buffer: bytearray) -> Iterator[MachineFrame]:
    """Take the sound frames out of `buffer`."""
    while len(buffer) >= _FIXED + 5:
        size = buffer[1] + 5
        if buffer[0] != 0x02 or buffer[1] < _FIXED:
            del buffer[0]
            continue
        if len(buffer) < size:
            return
        checked = bytes(buffer[1 : size - 3])
        sound = buffer[size - 1] == 0x03 and crc16(checked) == int.from_bytes(buffer[size - 3 : size - 1], "little")
        if not sound or checked[6] != len(checked) - 1 - _FIXED:
            del buffer[0]
            continue
        del buffer[:size]
        yield MachineFrame(checked[2], int.from_bytes(checked[3:5], "big"), checked[5], checked[7:])


def issued(prefix: str, number: int, class_: str, printed: int) -> bytes:
    """The payload of type 02; `printed`: 0 printed, 1 failed, 2 unknown."""
    return prefix.encode("ascii") + struct.pack(">HBB", number, CLASSES.index(class_), printed)
