"""A world in one process: edges, a bad line and head office around the real flow, envelope and ingest; seeded."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from edge.event import Lane
from edge.headoffice import ingest
from edge.headoffice.books import Body, Key, Mark, Place, Received, Row, SetAside
from edge.uplink import envelope, flow
from edge.uplink.envelope import Ack, Channel, Refused, Resend
from edge.uplink.flow import Ask, LaneFlow, Verdict

BRANCH = "nanjing-road"
LANES = (Lane.ALARM, Lane.BUSINESS)
STEP_S = 0.5
T = TypeVar("T")


@dataclass
class Kept:
    """An event on an edge's disk."""

    number: int  # what the checker knows it by
    was: tuple[str, int] | None = None

    def wire(self) -> bytes:
        was = f',"was":["{self.was[0]}",{self.was[1]}]' if self.was else ""
        return f'{{"type":"ticket.issued","v":1,"t":"2026-11-24T09:31:05+08:00","data":{{"number":{self.number}}}{was}}}'.encode()


@dataclass
class Disk:
    """What an edge has committed: the contract of the outbox, in memory."""

    epoch: str
    lanes: dict[Lane, dict[int, Kept]] = field(default_factory=lambda: {lane: {} for lane in LANES})
    acknowledged: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    older: dict[str, dict[Lane, dict[int, Kept]]] = field(default_factory=dict)

    def highest(self, lane: Lane) -> int:
        return max(self.lanes[lane], default=self.acknowledged[lane])

    def numbers(self) -> set[int]:
        kept = [*self.lanes.values(), *(lane for lanes in self.older.values() for lane in lanes.values())]
        return {event.number for lane in kept for event in lane.values()}

    def begin_epoch(self, epoch: str, again: Mapping[Lane, int]) -> None:
        """Number anew from 1 what is not acknowledged, or was refused; `was` stays the number it had first."""
        lanes, before = self.lanes, self.epoch
        first = {lane: min(self.acknowledged[lane] + 1, again.get(lane, 1 << 60)) for lane in LANES}
        self.older[before] = {lane: {s: e for s, e in lanes[lane].items() if s < first[lane]} for lane in LANES}
        moved = {lane: [(s, e) for s, e in sorted(lanes[lane].items()) if s >= first[lane]] for lane in LANES}
        self.lanes = {lane: {n: Kept(e.number, e.was or (before, s)) for n, (s, e) in enumerate(moved[lane], 1)} for lane in LANES}
        self.acknowledged = dict.fromkeys(LANES, 0)
        self.epoch = epoch


class Edge:
    """A box: its disk, and a process that a crash takes away."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world, self.disk = world, disk
        self.epochs = 0
        self.start()

    def start(self) -> None:
        """A new process: it knows what is on the disk."""
        self.flows = {lane: flow.connected(flow.begin(self.disk.acknowledged[lane]), self.world.now) for lane in LANES}

    def reconnect(self) -> None:
        self.flows = {lane: flow.connected(state, self.world.now) for lane, state in self.flows.items()}

    def append(self) -> None:
        lane = self.world.random.choice(LANES)
        self.disk.lanes[lane][self.disk.highest(lane) + 1] = Kept(self.world.next_number())

    def begin_epoch(self, again: Mapping[Lane, int]) -> None:
        self.disk.begin_epoch(self.world.new_epoch(), again)
        self.epochs += 1
        self.start()

    def work(self) -> None:
        """Send what is due, as the sender does."""
        now = self.world.now
        for lane in LANES:
            if back := flow.impatient(self.flows[lane], now):
                self.flows[lane] = back
            for _ in range(4):
                self._send_due(lane, now)

    def _send_due(self, lane: Lane, now: float) -> None:
        what = flow.due(self.flows[lane], self.disk.highest(lane), now)
        if what is None:
            return
        if isinstance(what, Ask):
            number = self.world.random.getrandbits(48)
            self.flows[lane] = flow.asked(self.flows[lane], number, now)
            self.world.up(envelope.events_message(self.disk.epoch, lane, what.first, [], number))
            return
        last = min(what.last, what.first + self.world.random.randint(0, 5))  # what fits
        events = [self.disk.lanes[lane][sequence].wire() for sequence in range(what.first, last + 1)]
        number = self.world.random.getrandbits(48) if what.asks else 0
        self.flows[lane] = flow.sent(self.flows[lane], what, last, number, now)
        self.world.up(envelope.events_message(self.disk.epoch, lane, what.first, events, number))

    def hear(self, channel: Channel, message: bytes) -> None:
        said = envelope.parse_down(channel, message)
        assert isinstance(said, Ack | Resend | Refused)
        if said.epoch != self.disk.epoch or said.lane not in LANES:
            return
        lane, now = said.lane, self.world.now
        state, highest = self.flows[lane], self.disk.highest(lane)
        if isinstance(said, Refused):
            self.begin_epoch({lane: said.sequence})
        elif isinstance(said, Resend):
            self.flows[lane] = flow.asked_again(state, said.first, said.last, highest, now)
        else:
            state, verdict = flow.acknowledged(state, said, highest, now)
            self.flows = flow.other_life(self.flows, said.generation, now) | {lane: state}
            self._acknowledged(lane, state, verdict)

    def _acknowledged(self, lane: Lane, state: LaneFlow, verdict: Verdict) -> None:
        if verdict is Verdict.FOREIGN:
            self.begin_epoch({})
        elif verdict is Verdict.PROGRESS:
            self.disk.acknowledged[lane] = max(self.disk.acknowledged[lane], state.mark)

    def is_done(self) -> bool:
        return all(
            self.disk.acknowledged[lane] == self.disk.highest(lane) == self.flows[lane].mark
            and self.flows[lane].mode is flow.Mode.STREAMING
            for lane in LANES
        )


class MemoryBooks:
    """The books in memory; a transaction works on a copy that replaces them when it is committed."""

    def __init__(self) -> None:
        self.events: dict[Key, Body] = {}
        self.first: dict[Key, Key] = {}
        self.later: dict[Key, tuple[Key, ...]] = {}
        self.kept_marks: dict[Place, dict[str, Mark]] = {}
        self.aside: list[SetAside] = []

    def copied(self) -> MemoryBooks:
        """Another that changes by itself; what stands in them is immutable."""
        other = MemoryBooks()
        other.events, other.first, other.later, other.aside = dict(self.events), dict(self.first), dict(self.later), list(self.aside)
        other.kept_marks = {place: dict(lanes) for place, lanes in self.kept_marks.items()}
        return other

    def marks(self, places: Sequence[Place]) -> dict[Place, dict[str, Mark]]:
        return {place: dict(self.kept_marks.get(place, {})) for place in places}

    def bodies(self, keys: Sequence[Key]) -> Mapping[Key, Sequence[Body]]:
        found: dict[Key, list[Body]] = defaultdict(list)
        for key in keys:
            origins = {key, self.first.get(key, key)}
            places = origins | {now for origin in origins for now in self.later.get(origin, ())}
            found[key] = [self.events[place] for place in places if place in self.events]
        return found

    def store(self, rows: Sequence[Row]) -> None:
        for row in rows:
            key = Key(*row[:4])
            assert key not in self.events, f"{key} is stored already"
            self.events[key] = Body(*row[4:8])

    def renumbered(self, pairs: Sequence[tuple[Key, Key]]) -> None:
        for now, first in pairs:
            if self.first.setdefault(now, first) == first:
                self.later[first] = (*self.later.get(first, ()), now)

    def save(self, marks: Mapping[Place, Mapping[str, Mark]]) -> None:
        for place, lanes in marks.items():
            self.kept_marks.setdefault(place, {}).update(lanes)

    def set_aside(self, what: SetAside) -> None:
        self.aside.append(what)


class HeadOffice:
    """Its books on disk, and a process that groups what comes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.books = MemoryBooks()
        self.generation = world.new_epoch()
        self.waiting: list[bytes] = []

    def work(self, crash: str = "") -> None:
        """One transaction over what waits; `crash` says before what the process dies."""
        group, self.waiting = self.waiting, []
        if not group:
            return
        books = self.books.copied()
        received = [Received(BRANCH, envelope.parse_up(message), "2026-11-24T01:31:05+00:00") for message in group]
        answers = ingest.take(books, received, self.generation)
        if crash == "commit":
            return
        self.books = books
        if crash == "answers":
            return
        for answer in answers:
            self.world.down(envelope.channel_of(answer.says), envelope.down_message(answer.says))

    def numbers(self) -> list[int]:
        return [msgspec.json.decode(body.data)["number"] for body in self.books.events.values()]


class World:
    """Edges of one branch (more than one where a box was cloned), a line, and head office; all chance is the seed's."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self._numbers = 0
        self.bad = 0.0  # chance that a message is lost, doubled or delayed
        self._up: list[bytes] = []
        self._down: list[tuple[Channel, bytes]] = []
        self.headoffice = HeadOffice(self)
        self.edges = [Edge(self, Disk(self.new_epoch()))]

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def new_epoch(self) -> str:
        return f"{self.random.getrandbits(48):012x}"

    def up(self, message: bytes) -> None:
        self._up.append(message)

    def down(self, channel: Channel, message: bytes) -> None:
        self._down.append((channel, message))

    def step(self, crash: str = "") -> None:
        """Half a second: everyone works, the line carries."""
        self.now += STEP_S
        for edge in self.edges:
            edge.work()
        self.headoffice.waiting += self._carried(self._up)
        self.headoffice.work(crash)
        for channel, message in self._carried(self._down):
            for edge in self.edges:
                edge.hear(channel, message)

    def _carried(self, line: list[T]) -> list[T]:
        """What arrives now: a bad line loses, doubles, delays and turns round."""
        arrived: list[T] = []
        stays: list[T] = []
        for message in line:
            what = self.random.random()
            if what < self.bad / 3:
                continue
            (stays if what < 2 * self.bad / 3 else arrived).append(message)
            if what > 1 - self.bad / 3:
                self.random.choice((stays, arrived)).append(message)
        if self.random.random() < self.bad:
            self.random.shuffle(arrived)
        line[:] = stays
        return arrived
