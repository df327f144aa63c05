"""Decision: what a rule wants done, told or advised; the same record from every rule."""

from __future__ import annotations

import msgspec

from devices.reading import Command, Text


class Raised(msgspec.Struct, frozen=True):
    """An alert that should stand now; one that a rule no longer returns is cleared."""

    id: str  # `[a-z0-9-]+`, stable for the same trouble, e.g. `wait-personal`
    severity: str  # minor | major | critical
    text: Text


class Advice(msgspec.Struct, frozen=True):
    """What staff could do, why, and until when (unix seconds) it is worth doing."""

    id: str
    text: Text
    why: Text
    until: float


class Decision(msgspec.Struct, frozen=True):
    """Wishes, not orders: a command whose value the device already has is not sent again."""

    commands: tuple[Command, ...] = ()
    alerts: tuple[Raised, ...] = ()
    advice: tuple[Advice, ...] = ()
