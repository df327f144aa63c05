"""Ledger: what a transaction changes beside the events: marks, branches, figures, what was set aside; pure."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from edge.headoffice.books import Key, Mark, Place, Received, Row, SetAside
from edge.headoffice.figures import Figure, count

_ranges = msgspec.json.Decoder(tuple[tuple[int, int], ...])


class MarkRow(NamedTuple):
    """A line of the table `watermark`; `ahead` is JSON `[[first, last], …]`."""

    branch: str
    epoch: str
    lane: str
    up_to: int
    ahead: str
    disputed: int
    succeeded: int


class BranchRow(NamedTuple):
    """A line of the table `branch`; of one that is there already `events` are added and the moments moved on."""

    id: str
    first_heard: str
    last_heard: str
    last_t: str | None
    epoch: str
    events: int


class RefusedRow(NamedTuple):
    """A line of the table `refused`; the same thing again only counts."""

    digest: str
    branch: str
    reason: str
    epoch: str
    lane: str
    sequence: int
    payload: bytes
    times: int
    first_at: str
    last_at: str


def mark_rows(marks: Mapping[Place, Mapping[str, Mark]]) -> list[MarkRow]:
    """Marks as they are kept, in the order in which they are locked."""
    return [
        MarkRow(branch, epoch, lane, m.up_to, msgspec.json.encode(m.ahead).decode(), m.disputed, int(m.succeeded))
        for (branch, epoch), lanes in sorted(marks.items())
        for lane, m in sorted(lanes.items())
    ]


def ranges(ahead: str) -> tuple[tuple[int, int], ...]:
    """The column `ahead` as ranges."""
    return _ranges.decode(ahead)


def marks_of(rows: Iterable[Sequence[object]]) -> dict[Place, dict[str, Mark]]:
    """Marks by place and lane, of the columns of `MarkRow`."""
    marks: dict[Place, dict[str, Mark]] = {}
    for row in map(MarkRow._make, rows):
        marks.setdefault((row.branch, row.epoch), {})[row.lane] = Mark(row.up_to, ranges(row.ahead), row.disputed, bool(row.succeeded))
    return marks


def refused_row(aside: SetAside, at: str) -> RefusedRow:
    """What was set aside, as it is kept."""
    digest = hashlib.sha256(b"\0".join((aside.branch.encode(), aside.reason.encode(), aside.payload))).hexdigest()
    return RefusedRow(digest, aside.branch, aside.reason, aside.epoch, aside.lane, aside.sequence, aside.payload, 1, at, at)


def by_lane(keys: Sequence[Key]) -> Iterator[tuple[tuple[str, str, str], list[int]]]:
    """Keys as their sequences, a lane of an epoch at a time."""
    lanes: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for key in keys:
        lanes[key.branch, key.epoch, key.lane].append(key.sequence)
    yield from lanes.items()


class Tally:
    """Counts over one transaction: figures of the rows stored, and who was heard."""

    def __init__(self) -> None:
        self.figures: Counter[Figure] = Counter()
        self._events: Counter[str] = Counter()
        self._newest: dict[str, str] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows that are stored in this transaction."""
        self.figures += count(rows)
        for row in rows:
            self._events[row.branch] += 1
            if row.t > self._newest.get(row.branch, ""):
                self._newest[row.branch] = row.t

    def branches(self, received: Iterable[Received]) -> list[BranchRow]:
        """Everyone heard in this transaction, in order of id."""
        heard = {entry.branch: entry for entry in received}
        return [
            BranchRow(branch, entry.at, entry.at, self._newest.get(branch), entry.said.epoch, self._events[branch])
            for branch, entry in sorted(heard.items())
        ]
