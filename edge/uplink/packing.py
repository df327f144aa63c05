"""Packing: a message of the line as bytes on the wire, compressed where that pays, and never larger than agreed; pure."""

from __future__ import annotations

from typing import Final

import zstandard

LARGEST_MESSAGE: Final = 256 * 1024  # bytes on the wire
LARGEST_UNPACKED: Final = 8 * 1024 * 1024  # bytes of JSON; what is more is no message of ours
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_WORTH_PACKING: Final = 512  # bytes; below that zstd saves nothing on a TCP segment


class EnvelopeError(Exception):
    """Bytes that are no message of the line; the text says what is wrong with them."""


class UnknownVersionError(EnvelopeError):
    """A message of another version of the line; it is kept as it came, for a program that knows it."""


def packed(message: bytes) -> bytes:
    """`message`, or its zstd form where that is a tenth smaller."""
    if len(message) < _WORTH_PACKING:
        return message
    smaller = zstandard.ZstdCompressor(level=1).compress(message)
    return smaller if len(smaller) < 0.9 * len(message) else message


def unpacked(message: bytes) -> bytes:
    """The JSON of a message.

    Raises:
        EnvelopeError: too large, or broken zstd.
    """
    if len(message) > LARGEST_MESSAGE:
        raise EnvelopeError(f"{len(message)} bytes; a message has at most {LARGEST_MESSAGE}")
    if not message.startswith(_ZSTD_MAGIC):
        return message
    try:
        with zstandard.ZstdDecompressor(max_window_size=LARGEST_UNPACKED).stream_reader(message) as reader:
            found = reader.read(LARGEST_UNPACKED + 1)
    except zstandard.ZstdError as error:
        raise EnvelopeError(f"broken zstd: {error}") from error
    if len(found) > LARGEST_UNPACKED:
        raise EnvelopeError(f"more than {LARGEST_UNPACKED} bytes when unpacked")
    return bytes(found)
