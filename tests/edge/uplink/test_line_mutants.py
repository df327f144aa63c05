"""The simulation finds faults: each of these, planted into the code, ends some world wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from edge.headoffice import ingest
from edge.headoffice.books import Mark, Place
from edge.uplink import flow
from edge.uplink.envelope import Ack
from edge.uplink.flow import LaneFlow, Verdict
from tests.edge.uplink.line_world import LANES, Disk, HeadOffice
from tests.edge.uplink.test_line_simulation import first_failure

_SEEDS = 400
Plant = Callable[[pytest.MonkeyPatch], None]
_acknowledged, _with_ranges, _keep, _begin_epoch, _work = (
    flow.acknowledged,
    ingest.with_ranges,
    ingest._Desk._keep,
    Disk.begin_epoch,
    HeadOffice.work,
)
Answered = tuple[LaneFlow, Verdict]


def watermark_off_by_one(patch: pytest.MonkeyPatch) -> None:
    def wrong(mark: Mark, ranges: Iterable[tuple[int, int]]) -> Mark:
        after = _with_ranges(mark, ranges)
        return msgspec.structs.replace(after, up_to=after.up_to + 1) if after.up_to > mark.up_to else after

    patch.setattr(ingest, "with_ranges", wrong)


def acknowledged_past_a_gap(patch: pytest.MonkeyPatch) -> None:
    def wrong(mark: Mark, ranges: Iterable[tuple[int, int]]) -> Mark:
        return msgspec.structs.replace(mark, up_to=max([mark.up_to, *(end for _, end in ranges)]))

    patch.setattr(ingest, "with_ranges", wrong)


def acknowledged_before_commit(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: HeadOffice, crash: str = "") -> None:
        if crash != "commit":
            _work(self, crash)
            return
        books = self.books
        _work(self)
        self.books = books

    patch.setattr(HeadOffice, "work", wrong)


def bodies_not_compared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ingest._Desk, "_conflict", lambda *_: None)


def first_number_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ingest._Desk, "_not_held_elsewhere", lambda self, branch, batch, new, *, succeeded: list(new))


def late_copies_of_an_older_epoch_taken(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, entry: Any, batch: Any, fresh: Any, mark: Mark) -> None:
        _keep(self, entry, batch, fresh, msgspec.structs.replace(mark, succeeded=False))

    patch.setattr(ingest._Desk, "_keep", wrong)


def numbers_known_without_their_epoch(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, place: Place, lane: str) -> Mark:
        return max((lanes.get(lane, Mark()) for lanes in self._marks.values()), key=lambda mark: mark.up_to, default=Mark())

    patch.setattr(ingest._Desk, "_mark", wrong)


def epoch_named_by_its_last_number(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Disk, epoch: str, again: Any) -> None:
        before, lanes = self.epoch, self.lanes
        number_of = {(lane, event.number): sequence for lane in LANES for sequence, event in lanes[lane].items()}
        _begin_epoch(self, epoch, again)
        for lane in LANES:
            for event in self.lanes[lane].values():
                event.was = (before, number_of[lane, event.number])

    patch.setattr(Disk, "begin_epoch", wrong)


def trusted_for_what_was_not_sent(patch: pytest.MonkeyPatch) -> None:
    def wrong(state: LaneFlow, ack: Ack, highest: int, now: float) -> Answered:
        return _acknowledged(msgspec.structs.replace(state, furthest=highest, verify_to=0), ack, highest, now)

    patch.setattr(flow, "acknowledged", wrong)


def more_than_there_is_ignored(patch: pytest.MonkeyPatch) -> None:
    def wrong(state: LaneFlow, ack: Ack, highest: int, now: float) -> Answered:
        after, verdict = _acknowledged(state, ack, highest, now)
        return after, Verdict.NOTHING if verdict is Verdict.FOREIGN else verdict

    patch.setattr(flow, "acknowledged", wrong)


def restored_head_office_not_noticed(patch: pytest.MonkeyPatch) -> None:
    def wrong(state: LaneFlow, ack: Ack, highest: int, now: float) -> Answered:
        return _acknowledged(state, msgspec.structs.replace(ack, up_to=max(ack.up_to, state.mark)), highest, now)

    patch.setattr(flow, "acknowledged", wrong)
    patch.setattr(flow, "asked_again", lambda state, *_: state)


def never_impatient(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flow, "impatient", lambda *_: None)


PLANTED: Sequence[Plant] = (
    watermark_off_by_one,
    acknowledged_past_a_gap,
    acknowledged_before_commit,
    bodies_not_compared,
    first_number_ignored,
    late_copies_of_an_older_epoch_taken,
    numbers_known_without_their_epoch,
    epoch_named_by_its_last_number,
    trusted_for_what_was_not_sent,
    more_than_there_is_ignored,
    restored_head_office_not_noticed,
    never_impatient,
)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_finds(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert first_failure(range(_SEEDS)) is not None
