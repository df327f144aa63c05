"""Frames of the counter bus, what they mean, and what the host says in them (format A); pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import Final, Self

import msgspec

from devices.reading import Command, Occurrence

PRESENCE, KEY, SHOW, BEEP, RATING = 0x00, 0x01, 0x02, 0x03, 0x11
"""CMD of a frame."""

AROUND: Final = 7  # bytes of a frame beside those that L counts: FF 68 L L 68 before, CS 16 after

_START: Final = b"\xff\x68"
_END: Final = 0x16
_LONGEST: Final = 8  # bytes counted by L
_COPY_WITHIN_S: Final = 0.4
_COPY_AFTER_RESTART_S: Final = 2.0
_KEYS: Final[Mapping[bytes, str]] = {
    b"\x0c": "next",
    b"\x0d": "recall",
    b"\x0b": "ask_rating",
    b"\x0f": "confirm",
    b"\x12": "pause",
    b"\x13": "transfer",
    b"\x06\x0f": "no_show",
    b"\x00\x0f": "hang_up",
    b"\x03\x0f": "call_back",
}
_BLANK: Final = " " * 6


class Frame(msgspec.Struct, frozen=True):
    """What one device says, or is told, in one breath."""

    address: int
    command: int
    data: bytes = b""

    def encode(self) -> bytes:
        """The frame as it stands on the wire."""
        body = bytes((self.address, self.command)) + self.data
        return _START + bytes((len(body), len(body), 0x68)) + body + bytes((sum(body) % 256, _END))

    @classmethod
    def of(cls, wire: bytes | bytearray) -> Self | None:
        """The frame that `wire` is, or None where a length, the checksum or the end is wrong."""
        body = bytes(wire[5:-2])
        sound = wire[3:5] == bytes((len(body), 0x68)) and wire[-2:] == bytes((sum(body) % 256, _END))
        return cls(body[0], body[1], body[2:]) if sound else None


def decode(buffer: bytearray) -> Iterator[Frame]:
    """Yield the sound frames at the head of `buffer` and remove them; what is none is skipped, at most 14 bytes stay."""
    while (start := buffer.find(_START)) >= 0:
        del buffer[:start]
        if not _may_begin(buffer):
            del buffer[0]
        elif len(buffer) < 3 or len(buffer) < buffer[2] + AROUND:
            return
        elif frame := Frame.of(buffer[: buffer[2] + AROUND]):
            del buffer[: buffer[2] + AROUND]
            yield frame
        else:
            del buffer[0]  # a frame may begin inside what only looked like one
    del buffer[:-1]  # the last byte may be half of a start mark


def _may_begin(buffer: bytearray) -> bool:
    """Whether `buffer` begins as a frame does, as far as it is here."""
    length = buffer[2] if len(buffer) > 2 else 2
    return 2 <= length <= _LONGEST and bytes(buffer[3:5]) == bytes((length, 0x68))[: max(0, len(buffer) - 3)]


def occurrence(frame: Frame, counters: Mapping[int, str]) -> Occurrence | None:
    """What happened at a counter, or None for what is no press: presence, an unknown key or address."""
    counter = counters.get(frame.address)
    if counter and frame.command == KEY and (key := _KEYS.get(frame.data)):
        return _once("key.pressed", counter, {"key": key}, frame)
    if counter and frame.command == RATING and frame.data in (b"\1", b"\2", b"\3", b"\4", b"\5"):
        return _once("rating.given", counter, {"rating": frame.data[0]}, frame)
    return None


def _once(kind: str, counter: str, data: Mapping[str, str | int], frame: Frame) -> Occurrence:
    identity = frame.encode().hex()
    return Occurrence(kind, counter, data, identity, copy_within_s=_COPY_WITHIN_S, copy_after_restart_s=_COPY_AFTER_RESTART_S)


def answer(frame: Frame) -> Frame:
    """What tells the device that its press is kept: its own frame, for a rating the rating as a key."""
    return Frame(frame.address, KEY, frame.data) if frame.command == RATING else frame


def shown(command: Command, address: int, *, letters: bool = False) -> Frame:
    """The display's six places: people waiting in the first three, or the ticket called in the last.

    Raises:
        ValueError: what such a display cannot show.
    """
    if command.quantity == "beep":
        return Frame(address, BEEP)
    places = _BLANK
    if command.quantity == "waiting" and command.value is not None:  # not known: blank, not zero
        places = f"{min(max(int(command.value), 0), 999):03d}   "
    elif command.quantity == "ticket" and command.value is not None:
        ticket = str(command.value)
        places = f"{ticket if letters else ticket.lstrip(ascii_uppercase):>6}"[-6:]
    return Frame(address, SHOW, bytes(map(_place, places)))


def _place(character: str) -> int:
    if character == " ":
        return 0x0A
    if character in ascii_uppercase:
        return ord(character)
    if character in "0123456789":
        return int(character)
    raise ValueError(f"the display has no {character!r}")
