"""The wire format of Protocol Buffers, as far as ONNX and TensorFlow files need it: read fields, write fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

Field = tuple[int, "int | bytes"]
"""A field's number, and its value: an integer (wire type 0) or bytes (types 1, 2 and 5 as they stand)."""

_FIXED: Final = {1: 8, 5: 4}  # wire type -> bytes


class WireError(ValueError):
    """These bytes are no Protocol Buffers message."""


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise WireError(f"the message breaks off at byte {at}")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def read(data: bytes) -> Iterator[Field]:
    """The fields of a message in their order (https://protobuf.dev/programming-guides/encoding).

    Raises:
        WireError: not a message, or cut off.
    """
    at = 0
    while at < len(data):
        key, at = _varint_at(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint_at(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint_at(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise WireError(f"wire type {kind} at byte {at}")
        if at + size > len(data) or number == 0:
            raise WireError(f"the message breaks off at byte {at}")
        yield number, data[at : at + size]
        at += size


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1  # a negative number stands as its two's complement
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write(*fields: tuple[int, int | bytes | str]) -> bytes:
    """A message of these fields; integers as varints, bytes and text with their length."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(value)
        else:
            body = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(body)) + body
    return bytes(out)
