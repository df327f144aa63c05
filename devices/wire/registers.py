"""Registers of a Modbus device: a map of them, few requests for many, numbers out of 16-bit words and back (format G)."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from devices.reading import Text, Value

Kind = Literal["int16", "uint16", "int32", "uint32", "float32"]
_FORMATS: Final[Mapping[Kind, str]] = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}


class Bit(msgspec.Struct, frozen=True):
    """What a set bit of an error register means: the device is faulty, or one of its quantities cannot be known."""

    reason: Text
    missing: str | None = None  # the quantity that is then not known; None: the device is faulty


class Register(msgspec.Struct, frozen=True):
    """A quantity in a device's registers; value = number x scale + offset, or the word that stands for the number."""

    quantity: str
    register: int
    kind: Kind = "uint16"
    low_word_first: bool = False  # of a number in two registers
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[int, str] = {}
    power: int | None = None  # the on/off register; 0 there makes the value `off`
    writable: bool = False
    writes_per_hour: int | None = None

    @property
    def count(self) -> int:
        """How many 16-bit registers the number takes."""
        return struct.calcsize(_FORMATS[self.kind]) // 2

    @property
    def registers(self) -> range:
        """The registers that hold the number."""
        return range(self.register, self.register + self.count)


class Profile(msgspec.Struct, frozen=True):
    """The register map of a make of device."""

    name: str
    title: Text
    function: int  # the Modbus function that reads it: 3 or 4
    registers: tuple[Register, ...]
    errors: Mapping[int, Mapping[int, Bit]] = {}  # error register -> bit -> what it means
    faults: Mapping[int, Text] = {}  # what the values of `fault_code` mean, where that is known
    most_registers: int = 125  # a request may ask for; 125 is what Modbus allows
    most_gap: int = 0  # registers of no interest that may be read along to save a request
    stride: int | None = None  # registers from one unit of a gateway to the next

    @property
    def writable(self) -> tuple[str, ...]:
        """The quantities that can be commanded."""
        return tuple(register.quantity for register in self.registers if register.writable)

    def of(self, quantity: str) -> Register:
        """The register of a quantity that the profile has."""
        return next(register for register in self.registers if register.quantity == quantity)

    def wanted(self) -> list[range]:
        """All that a poll must read, each a number that may not be torn."""
        powers = [range(register.power, register.power + 1) for register in self.registers if register.power is not None]
        return [*(register.registers for register in self.registers), *powers, *(range(at, at + 1) for at in self.errors)]


def requests(wanted: Iterable[range], most: int, gap: int = 0) -> list[range]:
    """Few ranges that cover all `wanted`, none longer than `most`, none that skips over more than `gap` registers, no number torn."""
    asked: list[range] = []
    for span in sorted(wanted, key=lambda span: (span.start, span.stop)):
        last = asked[-1] if asked else None
        stop = max(span.stop, last.stop) if last else span.stop
        if last and span.start - last.stop <= gap and stop - last.start <= most:
            asked[-1] = range(last.start, stop)
        else:
            asked.append(span)
    return asked


def number(register: Register, read: Mapping[int, int]) -> float | int | None:
    """The number in the words that were `read` (by register), before scale; None where a word is missing."""
    if not all(at in read for at in register.registers):
        return None
    words = [read[at] for at in register.registers]
    packed = struct.pack(f">{len(words)}H", *(reversed(words) if register.low_word_first else words))
    found: float | int = struct.unpack(_FORMATS[register.kind], packed)[0]
    return found


def value(register: Register, read: Mapping[int, int]) -> Value:
    """What the quantity is by the words that were `read`; an unknown word's number as it is, None where nothing was read."""
    if register.power is not None:
        if register.power not in read:
            return None
        if read[register.power] == 0:
            return "off"
    found = number(register, read)
    if found is None or register.words:
        return found if found is None else register.words.get(int(found), found)
    if register.scale == 1 and register.offset == 0:
        return found
    return round(found * register.scale + register.offset, 6)  # 26.1, not 26.1000000000000014


def encoded(register: Register, wished: Value) -> dict[int, int]:
    """The words (by register) that make the quantity `wished`.

    Raises:
        ValueError: the device has no number for it.
    """
    if register.power is not None and wished == "off":
        return {register.power: 0}
    words = _packed(register, _raw(register, wished))
    return {**words, register.power: 1} if register.power is not None else words


def _raw(register: Register, wished: Value) -> float:
    if register.words:
        for raw, word in register.words.items():
            if word == wished:
                return raw
        raise ValueError(f"{wished!r} is none of {', '.join(register.words.values())}")
    if isinstance(wished, bool):
        return int(wished)
    if not isinstance(wished, int | float) or not math.isfinite(wished):
        raise ValueError(f"{wished!r} is not a number")
    return (wished - register.offset) / register.scale


def _packed(register: Register, raw: float) -> dict[int, int]:
    try:
        packed = struct.pack(_FORMATS[register.kind], raw if register.kind == "float32" else round(raw))
    except (struct.error, OverflowError):
        raise ValueError(f"{raw:g} does not fit {register.kind}") from None
    words: Sequence[int] = struct.unpack(f">{register.count}H", packed)
    return dict(zip(register.registers, reversed(words) if register.low_word_first else words, strict=True))
