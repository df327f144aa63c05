"""Ticket printers that speak ESC/POS: what a ticket is on the wire, and what the printer answers (format D); pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

PAPER_REQUEST: Final = b"\x10\x04\x04"
"""DLE EOT 4: transmit the paper sensor's status."""

PROCESSES: Final = 10_000
"""Process numbers of GS ( H have four digits."""

_RESET: Final = b"\x1b\x40"
_DOUBLE, _SINGLE = b"\x1d\x21\x11", b"\x1d\x21\x00"
_FEED_AND_CUT: Final = b"\n\n\n\x1d\x56\x42\x00"
_CONFIRM: Final = b"\x1d\x28\x48\x06\x00\x30\x30"
_CONFIRMED: Final = b"\x37\x22"
_CONFIRMED_SIZE: Final = 7
_FIXED_BITS, _FIXED = 0x93, 0x12  # of the paper sensor's byte: bits 1 and 4 set, 0 and 7 not
_NEAR_END, _END = 0x0C, 0x60
_LONGEST_LINE: Final = 48  # characters; what a roll of 80 mm holds


class Slip(msgspec.Struct, frozen=True):
    """What stands on a ticket; `issued_at` is unix seconds, `ahead` how many wait before, both None where not known."""

    ticket: str
    service: str = ""
    service_name: str = ""
    branch: str = ""
    ahead: int | None = None
    issued_at: float | None = None


def slip(value: Any) -> Slip:
    """The slip that the JSON text `value` of a `print_ticket` command asks for.

    Raises:
        ValueError: it is none; the text says why.
    """
    try:
        return msgspec.json.decode(str(value), type=Slip)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no ticket that could be printed: {error}") from None


def printed(slip: Slip, *, encoding: str, language: str) -> bytes:
    """The ticket as the printer is sent it, from reset to cut; characters it cannot print become question marks."""
    lines = [slip.branch, slip.service_name or slip.service, _ahead(slip.ahead, language), _time(slip.issued_at)]
    before, *after = (_line(line, encoding) for line in lines)
    return _RESET + before + _DOUBLE + _line(slip.ticket, encoding) + _SINGLE + b"".join(after) + _FEED_AND_CUT


def _ahead(ahead: int | None, language: str) -> str:
    if ahead is None:
        return ""
    return f"您前面还有 {ahead} 位" if language.startswith("zh") else f"{ahead} before you"


def _time(t: float | None) -> str:
    return "" if t is None else datetime.fromtimestamp(t).astimezone().strftime("%Y-%m-%d %H:%M")


def _line(line: str, encoding: str) -> bytes:
    """A line of text; control characters would be commands to the printer and are left out, as is an empty line."""
    shown = "".join(filter(str.isprintable, line))[:_LONGEST_LINE]
    return shown.encode(encoding, "replace") + b"\n" if shown else b""


def confirmation(process: int) -> bytes:
    """GS ( H, function 48: say so when all before this has been printed."""
    return _CONFIRM + b"%04d" % process


class Paper(msgspec.Struct, frozen=True):
    """What the paper sensor says: good | near_end | end."""

    paper: str


class Confirmed(msgspec.Struct, frozen=True):
    """All before the confirmation with this process number has been printed."""

    process: int


def decode(buffer: bytearray) -> Iterator[Paper | Confirmed]:
    """Yield the printer's answers at the head of `buffer` and remove them; what is none is skipped, at most 6 bytes stay."""
    while buffer:
        if buffer.startswith(_CONFIRMED[: len(buffer)]):
            if len(buffer) < _CONFIRMED_SIZE:
                return
            digits, end = bytes(buffer[2:6]), buffer[6]
            if end == 0 and digits.isdigit():
                del buffer[:_CONFIRMED_SIZE]
                yield Confirmed(int(digits))
                continue
        elif paper := _paper(buffer[0]):
            yield paper
        del buffer[0]


def _paper(status: int) -> Paper | None:
    """The meaning of the paper sensor's byte; both bits of a sensor agree, or it is noise."""
    near, end = status & _NEAR_END, status & _END
    if status & _FIXED_BITS != _FIXED or near not in (0, _NEAR_END) or end not in (0, _END):
        return None
    return Paper("end" if end else "near_end" if near else "good")
