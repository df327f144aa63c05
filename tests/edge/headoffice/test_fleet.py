"""Fleet: what is wrong comes first, and says so in both languages."""

from __future__ import annotations

from datetime import datetime

from edge.headoffice.database import BranchState, LaneState
from edge.headoffice.fleet import LATE_S, QUIET_S, fleet, summary
from edge.headoffice.settings import BranchSection

HEARD = "2026-11-24T01:31:06.000+00:00"
NOW = datetime.fromisoformat(HEARD).timestamp() + 5
KNOWN = {"good": BranchSection(name="南京路支行", region="上海"), "never": BranchSection()}


def state(
    id_: str,
    *,
    last_heard: str = HEARD,
    last_t: str = "2026-11-24T09:31:05+08:00",
    refused: int = 0,
    lane: LaneState | None = None,
) -> BranchState:
    lanes = (lane or LaneState("e", "business", 9, (), 0),)
    return BranchState(id_, HEARD, last_heard, last_t, "e", 9, refused, lanes, {"tickets": 3})


def test_a_good_branch_has_nothing_wrong() -> None:
    (line,) = fleet({"good": KNOWN["good"]}, [state("good")], NOW)
    assert (line.wrong, line.silent_s, line.lag_s, line.gaps, line.today) == ((), 5.0, 1.0, 0, {"tickets": 3})


def test_what_is_wrong_comes_first() -> None:
    gap = LaneState("e", "business", 9, ((13, 14), (20, 21)), 0)
    states = [
        state("good"),
        state("new"),
        state("gap", lane=gap),
        state("late", last_t="2026-11-24T08:00:00+08:00"),
        state("quiet", last_heard="2026-11-24T01:00:00.000+00:00"),
        state("aside", refused=2),
        state("two", lane=LaneState("e", "alarm", 9, (), 4)),
    ]
    known = KNOWN | {id_: BranchSection() for id_ in ("gap", "late", "quiet", "aside", "two")}
    lines = fleet(known, states, NOW)
    assert [line.id for line in lines] == ["quiet", "two", "gap", "never", "aside", "late", "new", "good"]
    assert {line.id: line.gaps for line in lines if line.gaps} == {"gap": 8}
    assert all({"zh-CN", "en"} == set(wrong.text) for line in lines for wrong in line.wrong)
    assert summary(lines) == {"branches": 8, "with_problems": 7, "events": 63, "gaps": 8, "refused": 2}
    assert LATE_S < QUIET_S


def test_an_empty_fleet_is_no_error() -> None:
    assert fleet({}, [], NOW) == []
    assert summary([])["branches"] == 0


def test_yesterdays_figures_are_not_told_as_todays() -> None:
    (line,) = fleet({}, [state("good")], NOW + 86_400)
    assert line.today == {}
