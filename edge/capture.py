"""Capture: what a wire said, one JSON object a line, as a fixture for `replay` and for tests."""

from __future__ import annotations

from typing import Self

import msgspec


class CaptureLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One chunk or message as it came: unix seconds, the wire's name, its bytes in hexadecimal, the topic where there is one."""

    t: float
    link: str
    hexadecimal: str = msgspec.field(name="bytes")
    topic: str | None = None

    @classmethod
    def of(cls, wire: str, topic: str | None, received: bytes, t: float) -> Self:
        return cls(round(t, 3), wire, received.hex(), topic)

    @property
    def received(self) -> bytes:
        """The bytes themselves.

        Raises:
            ValueError: they are no hexadecimal digits.
        """
        return bytes.fromhex(self.hexadecimal)
