"""What stands in an MQTT message: a JSON document or a bare word, and a place in it (RFC 6901)."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}")
_LARGEST: Final = 64 * 1024  # bytes; what a device of a branch says fits in a hundredth of it


class Absent(msgspec.Struct, frozen=True):
    """Nothing stands at that place of the document."""


ABSENT: Final = Absent()


class PayloadError(ValueError):
    """The payload is no document; the text says what it is instead."""


def document(payload: bytes) -> Any:
    """The JSON document that `payload` is, or the bare word it is (`ON`, `Online`, `cool`).

    Raises:
        PayloadError: too long, no UTF-8, empty, or broken JSON.
    """
    if len(payload) > _LARGEST:
        raise PayloadError(f"{len(payload)} bytes, more than {_LARGEST}")
    try:
        word = payload.decode().strip()
    except UnicodeDecodeError:
        raise PayloadError("bytes that are no UTF-8") from None
    if not word:
        raise PayloadError("an empty message")
    try:
        return msgspec.json.decode(word)
    except (msgspec.DecodeError, RecursionError):
        if word[0] in '{["' or len(word) > 100 or not word.isprintable():
            raise PayloadError("broken JSON") from None
        return word


def valid(pointer: str) -> str:
    """`pointer`, where it is a JSON pointer; a bare key is taken as `/key`.

    Raises:
        ValueError: `~` not followed by 0 or 1.
    """
    if pointer and not pointer.startswith("/"):
        pointer = "/" + pointer
    if pointer.count("~") != pointer.count("~0") + pointer.count("~1"):
        raise ValueError(f"{pointer!r} is not a JSON pointer: `~` is written `~0` and `/` in a key `~1`")
    return pointer


def _keys(pointer: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]


def at(found: Any, pointer: str) -> Any:
    """What stands at `pointer` in a document, or `ABSENT`; the empty pointer is the whole document."""
    for key in _keys(pointer):
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and _INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return ABSENT
    return found


def holding(value: Any, pointer: str) -> Any:
    """The smallest document that has `value` at `pointer`: `/brightness` and 127 give `{"brightness": 127}`."""
    for key in reversed(_keys(pointer)):
        value = {key: value}
    return value


def encoded(found: Any) -> bytes:
    """A document as it goes out: a bare word or number as it is, anything else as JSON."""
    return found.encode() if isinstance(found, str) else msgspec.json.encode(found)
