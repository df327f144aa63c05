"""What the frames of a plain serial ticket machine mean (format E), and the frames in which it is told things; pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from devices.driver import text
from devices.reading import Occurrence, Text
from devices.wire.ticket_frames import ACKNOWLEDGEMENT, CALL, CLOCK, HOST, ISSUED, KEY, Frame
from devices.wire.ticket_names import named, parted

_COPY_WITHIN_S: Final = 600.0
_COPY_WITHIN: Final = 64

_KEYS: Final[Mapping[int, str]] = {0x0C: "next", 0x0D: "recall", 0x0B: "ask_rating", 0x0F: "confirm", 0x12: "pause", 0x13: "transfer"}
_LETTERS: Final = range(0x41, 0x5B)
_CLASSES: Final = ("normal", "care", "vip", "appointment")
_PRINTS: Final = ("ok", "failed", "unknown")
_ACTIONS: Final = ("", "call", "recall", "serve", "finish", "no_show", "transfer", "hold")
_PAPER: Final = ("good", "near_end", "end")
_CALLERS_FROM: Final = 0x10  # source 0x11 is the caller at counter 1, where `counters` does not say otherwise
_TICKET: Final = struct.Struct(">BHBB")
_CALLED: Final = struct.Struct(">BBHB")
_MOST_A_U16: Final = 0xFFFF


def occurrence(frame: Frame, counters: Mapping[int, str]) -> Occurrence | None:
    """What happened at the machine, or None for what is no key, ticket or call, or has no meaning in one.

    `counters`: the counter of each caller by its source.
    """
    if frame.type == KEY:
        return _key(frame, counters)
    if frame.type == ISSUED:
        return _issued(frame)
    if frame.type == CALL:
        return _called(frame)
    return None


def _once(kind: str, part: str, data: Mapping[str, Any], frame: Frame) -> Occurrence:
    return Occurrence(kind, part, data, frame.encode().hex(), copy_within_s=_COPY_WITHIN_S, copy_within=_COPY_WITHIN)


def _key(frame: Frame, counters: Mapping[int, str]) -> Occurrence | None:
    key = frame.payload[0]
    if key in _LETTERS:
        return _once("ticket.requested", "", {"prefix": chr(key)}, frame)
    counter = counters.get(frame.source) or str(frame.source - _CALLERS_FROM)
    if key not in _KEYS or (frame.source <= _CALLERS_FROM and frame.source not in counters):
        return None
    return _once("key.pressed", counter, {"key": _KEYS[key]}, frame)


def _issued(frame: Frame) -> Occurrence | None:
    letter, number, class_, print_ = _TICKET.unpack(frame.payload)
    if letter not in _LETTERS or class_ >= len(_CLASSES) or print_ >= len(_PRINTS):
        return None
    prefix = chr(letter)
    data = {
        "ticket": named(prefix, number),
        "service": "",
        "prefix": prefix,
        "number": number,
        "class": _CLASSES[class_],
        "print": _PRINTS[print_],
        "issued_at": None,
    }
    return _once("ticket.issued", "", data, frame)


def _called(frame: Frame) -> Occurrence | None:
    counter, letter, number, action = _CALLED.unpack(frame.payload)
    if letter not in _LETTERS or not 0 < action < len(_ACTIONS):
        return None
    data = {"ticket": named(chr(letter), number), "counter": str(counter), "action": _ACTIONS[action]}
    return _once("ticket.called", str(counter), data, frame)


class Status(msgspec.Struct, frozen=True):
    """How the machine is: its paper (good | near_end | end), its cover and the maker's fault number (0: none)."""

    paper: str
    cover_open: bool
    fault: int

    def trouble(self) -> Text | None:
        """What keeps it from printing, and what to do."""
        if self.cover_open:
            return text("the ticket machine's cover is open: close it", "取号机机盖打开：请合上")
        if self.paper == "end":
            return text("the ticket machine has no paper: put a new roll in", "取号机缺纸：请更换纸卷")
        if self.fault:
            return text(f"the ticket machine reports fault {self.fault}: see its manual", f"取号机报告故障 {self.fault}：请查阅其手册")
        return None


def status(frame: Frame) -> Status | None:
    """What a frame of type 03 says, or None where it says nothing that has a meaning."""
    paper, cover, fault = frame.payload
    return Status(_PAPER[paper], bool(cover), fault) if paper < len(_PAPER) and cover <= 1 else None


def uptime_s(frame: Frame) -> int:
    """Seconds since the machine started, of a heartbeat."""
    return int.from_bytes(frame.payload, "big")


def restarted(frame: Frame) -> Occurrence:
    """The machine restarted, as `frame`, a heartbeat whose uptime fell, shows."""
    return _once("machine.restarted", "", {}, frame)


def acknowledgement(frame: Frame) -> Frame:
    """What tells the machine that `frame` is kept."""
    return Frame(HOST, frame.sequence, ACKNOWLEDGEMENT)


def clock(request: Frame, now: float) -> Frame:
    """The answer to a clock request: unix time, whole seconds."""
    return Frame(HOST, request.sequence, CLOCK, (int(now) & 0xFFFF_FFFF).to_bytes(4, "big"))


def order(value: Any) -> Mapping[str, Any]:
    """The order that the JSON text `value` of a `call` command is: an object with `ticket`, `counter` and `action`.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(str(value), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no call: {error}") from None


def call(order: Mapping[str, Any], sequence: int) -> Frame:
    """What tells the machine that a ticket is called (or served ...) at a counter; keys `ticket`, `counter`, `action`.

    Raises:
        ValueError: what the frame has no place for.
    """
    prefix, number = parted(str(order.get("ticket")))
    counter, action = str(order.get("counter")), order.get("action", "call")
    if len(prefix) != 1 or number > _MOST_A_U16:
        raise ValueError(f"the machine has no ticket {order.get('ticket')!r}: one letter and a number are expected")
    if not counter.isascii() or not counter.isdecimal() or int(counter) > 0xFF:
        raise ValueError(f"the machine has no counter {counter!r}: its counters are numbers up to 255")
    if action not in _ACTIONS[1:]:
        raise ValueError(f"the machine knows no {action!r}")
    return Frame(HOST, sequence, CALL, _CALLED.pack(int(counter), ord(prefix), number, _ACTIONS.index(action)))
