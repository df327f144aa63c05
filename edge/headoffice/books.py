"""Books: the records of head office's tables, and what one transaction on them can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from edge.uplink.envelope import Ack, Batch, Gone, Refused, Resend

Place = tuple[str, str]
"""A branch and one of its epochs."""


class Key(NamedTuple):
    """What an event is known by."""

    branch: str
    epoch: str
    lane: str
    sequence: int


class Body(NamedTuple):
    """What an event says; two are the same when they mean the same, however they are written."""

    type: str
    v: int
    t: str
    data: str


class Row(NamedTuple):
    """A line of the table `event`."""

    branch: str
    epoch: str
    lane: str
    sequence: int
    type: str
    v: int
    t: str
    data: str
    received_at: str


class Mark(msgspec.Struct, frozen=True):
    """How far a lane of an epoch is held: all up to `up_to`, and the ranges `ahead` above the first gap."""

    up_to: int = 0
    ahead: tuple[tuple[int, int], ...] = ()
    disputed: int = 0  # the first sequence that came with another body; the epoch is closed by it
    succeeded: bool = False  # some of its events came again under a later epoch

    def highest(self) -> int:
        """The highest sequence that is held at all."""
        return self.ahead[-1][1] if self.ahead else self.up_to

    def missing(self) -> tuple[int, int] | None:
        """The first gap, both ends included."""
        return (self.up_to + 1, self.ahead[0][0] - 1) if self.ahead else None


class Received(msgspec.Struct, frozen=True):
    """A batch as it came from a branch, and when (ISO 8601, UTC)."""

    branch: str
    said: Batch | Gone
    at: str


class Answer(msgspec.Struct, frozen=True):
    """What is told to a branch once the transaction is committed."""

    branch: str
    says: Ack | Resend | Refused


class SetAside(msgspec.Struct, frozen=True):
    """What was not taken, and why; kept for a person to look at."""

    branch: str
    reason: str
    payload: bytes
    epoch: str = ""
    lane: str = ""
    sequence: int = 0


class Books(Protocol):
    """One transaction of the database; nothing of it holds until it is committed."""

    def marks(self, places: Sequence[Place]) -> dict[Place, dict[str, Mark]]:
        """The marks by lane of each place, locked in order until the commit."""
        ...

    def bodies(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Body]]:
        """Every body that stands for each key: under itself, or under another number that the same event had."""
        ...

    def store(self, rows: Sequence[Row]) -> None:
        """Add events that are not there."""
        ...

    def renumbered(self, pairs: Sequence[tuple[Key, Key]]) -> None:
        """Note (now, first): the same event came under both keys."""
        ...

    def save(self, marks: Mapping[Place, Mapping[str, Mark]]) -> None:
        """Keep changed marks."""
        ...

    def set_aside(self, what: SetAside) -> None:
        """Keep what was refused."""
        ...
