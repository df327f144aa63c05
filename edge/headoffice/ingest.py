"""Ingest: what head office makes of a batch, given what it holds already; pure but for the books it is handed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from edge.event import Lane
from edge.headoffice.books import Answer, Body, Books, Key, Mark, Place, Received, Row, SetAside
from edge.uplink.envelope import Ack, Batch, Refused, Resend, WireEvent

_MOST_AHEAD: Final = 64  # separate ranges held above a gap; a batch that would make more is left for its resend
_HELD_OTHERWISE: Final = "held with another body"


def sorted_out(mark: Mark, first: int, last: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The ranges of `first` to `last` that are new, and those that are held."""
    fresh: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []
    at = first
    for start, end in ((1, mark.up_to), *mark.ahead):
        if at > last:
            break
        if start > at:
            fresh.append((at, min(last, start - 1)))
            at = start
        if at <= min(last, end):
            held.append((at, min(last, end)))
            at = min(last, end) + 1
    if at <= last:
        fresh.append((at, last))
    return fresh, held


def with_ranges(mark: Mark, ranges: Iterable[tuple[int, int]]) -> Mark:
    """The mark when `ranges` are held too."""
    merged: list[tuple[int, int]] = [(0, mark.up_to)]
    for start, end in sorted((*mark.ahead, *ranges)):
        if start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return msgspec.structs.replace(mark, up_to=merged[0][1], ahead=tuple(merged[1:]))


def body(event: WireEvent) -> Body:
    """What an event says."""
    return Body(event.type, event.v, event.t, str(memoryview(event.data), "utf-8"))


def same(one: Body, other: Body) -> bool:
    """Whether two bodies mean the same: moments as moments, data as JSON."""
    if one == other:
        return True
    if one[:2] != other[:2] or datetime.fromisoformat(one.t) != datetime.fromisoformat(other.t):
        return False
    return bool(msgspec.json.decode(one.data) == msgspec.json.decode(other.data))


def take(books: Books, received: Sequence[Received], generation: str) -> list[Answer]:
    """Enter `received` in order; the answers are true once the transaction is committed.

    A batch that closes a gap partly, or comes twice, or in another cut, is taken as far as it is new. A known key with
    another body closes its epoch: nothing more is acknowledged in it, and its senders begin another.
    """
    places = {place: None for entry in received for place in _places(entry)}
    marks = books.marks(sorted(places))
    desk = _Desk(books, marks, generation)
    for entry in received:
        desk.enter(entry)
    desk.close()
    return desk.answers()


def _places(entry: Received) -> set[Place]:
    said = entry.said
    of_old = {event.was[0] for event in said.events if event.was} if isinstance(said, Batch) else set()
    return {(entry.branch, epoch) for epoch in (said.epoch, *of_old)}


class _Desk:
    """The work on one transaction: marks as they become, rows not yet handed to the books, the last answer a lane."""

    def __init__(self, books: Books, marks: dict[Place, dict[str, Mark]], generation: str) -> None:
        self._books, self._marks, self._generation = books, marks, generation
        self._changed: dict[Place, dict[str, Mark]] = {}
        self._rows: list[Row] = []
        self._acknowledged: dict[tuple[Place, Lane], int] = {}
        self._refused: dict[tuple[Place, Lane], Refused] = {}
        self._asked: dict[tuple[Place, Lane], int] = {}

    def enter(self, entry: Received) -> None:
        """Take one batch as far as it is new."""
        said, place = entry.said, (entry.branch, entry.said.epoch)
        mark = self._mark(place, said.lane)
        if (dispute := self._dispute(place, said.lane)) is not None:
            self._refuse(place, *dispute)
            return
        fresh, held = sorted_out(mark, said.first, said.last)
        after = with_ranges(mark, fresh)
        if isinstance(said, Batch):
            if held and (conflict := self._conflict(entry.branch, said, held)):
                self._close_epoch(place, said, conflict)
                return
            if len(after.ahead) > _MOST_AHEAD and len(after.ahead) > len(mark.ahead):
                return
            self._keep(entry, said, fresh, mark)
            if said.ask:
                self._asked[place, said.lane] = said.ask
        self._set(place, said.lane, after)
        # What was all held proves only itself: a restored store learns no more than what was compared (docs/line.md).
        proved = after.up_to if fresh or said.last < said.first else min(after.up_to, said.last)
        self._acknowledged[place, said.lane] = max(proved, self._acknowledged.get((place, said.lane), 0))

    def close(self) -> None:
        """Hand everything to the books."""
        self._flush()
        if self._changed:
            self._books.save(self._changed)

    def answers(self) -> list[Answer]:
        """One answer a lane, and the first gap of each."""
        told: list[Answer] = [Answer(place[0], refused) for (place, _), refused in self._refused.items()]
        for (place, lane), up_to in self._acknowledged.items():
            if self._dispute(place, lane) is not None:
                continue
            mark = self._mark(place, lane)
            answers = self._asked.get((place, lane), 0)
            told.append(Answer(place[0], Ack(place[1], lane, up_to, self._generation, mark.highest(), answers)))
            if gap := mark.missing():
                told.append(Answer(place[0], Resend(place[1], lane, *gap, self._generation)))
        return told

    def _mark(self, place: Place, lane: str) -> Mark:
        return self._marks.get(place, {}).get(lane, Mark())

    def _set(self, place: Place, lane: str, mark: Mark) -> None:
        if mark != self._mark(place, lane):
            self._marks.setdefault(place, {})[lane] = mark
            self._changed.setdefault(place, {})[lane] = mark

    def _flush(self) -> None:
        if self._rows:
            self._books.store(self._rows)
            self._rows = []

    def _bodies(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Body]]:
        self._flush()
        return self._books.bodies(keys)

    def _dispute(self, place: Place, lane: Lane) -> tuple[Lane, int] | None:
        """Where the epoch was closed: in this lane if it was, or in another."""
        disputed = {name: mark.disputed for name, mark in self._marks.get(place, {}).items() if mark.disputed}
        if lane in disputed:
            return lane, disputed[lane]
        return next(((Lane(name), sequence) for name, sequence in disputed.items()), None)

    def _refuse(self, place: Place, lane: Lane, sequence: int) -> None:
        self._refused[place, lane] = Refused(place[1], lane, sequence, _HELD_OTHERWISE)

    def _conflict(self, branch: str, batch: Batch, held: Sequence[tuple[int, int]]) -> int | None:
        """The first held sequence whose body is another; one that is no more there cannot be compared."""
        keys = [Key(branch, batch.epoch, batch.lane, sequence) for start, end in held for sequence in range(start, end + 1)]
        known = self._bodies(keys)
        for key in keys:
            bodies = known.get(key, ())
            says = body(batch.events[key.sequence - batch.first])
            if bodies and not any(same(says, other) for other in bodies):
                return key.sequence
        return None

    def _close_epoch(self, place: Place, batch: Batch, sequence: int) -> None:
        payload = msgspec.json.encode(batch.events[sequence - batch.first])
        self._books.set_aside(SetAside(place[0], _HELD_OTHERWISE, payload, batch.epoch, batch.lane, sequence))
        self._set(place, batch.lane, msgspec.structs.replace(self._mark(place, batch.lane), disputed=sequence))
        self._refuse(place, batch.lane, sequence)

    def _keep(self, entry: Received, batch: Batch, fresh: Sequence[tuple[int, int]], mark: Mark) -> None:
        new = [(sequence, batch.events[sequence - batch.first]) for start, end in fresh for sequence in range(start, end + 1)]
        if mark.succeeded or any(event.was for _, event in new):
            new = self._not_held_elsewhere(entry.branch, batch, new, succeeded=mark.succeeded)
        branch, epoch, lane, at = entry.branch, batch.epoch, batch.lane.value, entry.at
        self._rows += [Row(branch, epoch, lane, sequence, *body(event), at) for sequence, event in new]

    def _not_held_elsewhere(
        self, branch: str, batch: Batch, new: Sequence[tuple[int, WireEvent]], *, succeeded: bool
    ) -> list[tuple[int, WireEvent]]:
        """Those of `new` that are not held under the number they had first, nor, of an older epoch, under a later number."""
        now = {sequence: Key(branch, batch.epoch, batch.lane, sequence) for sequence, _ in new}
        first = {sequence: Key(branch, event.was[0], batch.lane, event.was[1]) for sequence, event in new if event.was}
        known = self._bodies([*first.values(), *(now.values() if succeeded else ())])
        if first:
            self._books.renumbered([(now[sequence], key) for sequence, key in first.items()])
        for key in first.values():
            place = (branch, key.epoch)
            self._set(place, batch.lane, msgspec.structs.replace(self._mark(place, batch.lane), succeeded=True))

        def is_held(sequence: int, event: WireEvent) -> bool:
            says = body(event)
            keys = [now[sequence], *([first[sequence]] if event.was else [])]
            return any(same(says, other) for key in keys for other in known.get(key, ()))

        return [(sequence, event) for sequence, event in new if not is_held(sequence, event)]
