"""The Music Player Daemon's text protocol: requests out, answers in (https://mpd.readthedocs.io/en/latest/protocol.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

_LONGEST: Final = 8192  # bytes of a line; what is longer is no answer to what we ask
_MOST_LINES: Final = 256  # of an answer


class Greeting(msgspec.Struct, frozen=True):
    """A connection begins; whatever was asked before it is not answered any more."""

    version: str


class Answer(msgspec.Struct, frozen=True):
    """The answer to one request: `name: value` lines, or the error that it was."""

    said: Mapping[str, str] = {}
    error: str | None = None


class Answers:
    """Answers out of bytes in any pieces; never holds more than one answer of the longest kind."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._said: dict[str, str] = {}

    def take(self, received: bytes) -> Iterator[Greeting | Answer]:
        """What is complete with the bytes `received`."""
        self._buffer += received
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).decode("utf-8", "replace")
            del self._buffer[: end + 1]
            if (found := self._line(line)) is not None:
                yield found
        if len(self._buffer) > _LONGEST:
            self._buffer.clear()

    def _line(self, line: str) -> Greeting | Answer | None:
        if line.startswith("OK MPD "):
            self._said = {}
            return Greeting(line.removeprefix("OK MPD "))
        if line == "OK" or line.startswith("ACK "):
            said, self._said = self._said, {}
            return Answer(said) if line == "OK" else Answer(error=line.removeprefix("ACK "))
        name, colon, value = line.partition(": ")
        if colon and len(self._said) < _MOST_LINES and len(line) <= _LONGEST:
            self._said[name] = value
        return None


def request(command: str, *arguments: str | int) -> bytes:
    """A request line, its arguments quoted.

    Raises:
        ValueError: an argument has a line break, which would begin another request.
    """
    if any(mark in str(argument) for argument in arguments for mark in "\n\r\0"):
        raise ValueError("a line break cannot stand in a name")
    quoted = ('"' + str(argument).replace("\\", "\\\\").replace('"', '\\"') + '"' for argument in arguments)
    return " ".join((command, *quoted)).encode() + b"\n"
