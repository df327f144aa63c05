"""Fleet: all branches as head office sees them, what is wrong first; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from devices.driver import text
from devices.reading import Text
from edge.headoffice.database import BranchState, LaneState
from edge.headoffice.settings import BranchSection

QUIET_S: Final = 600.0  # a branch samples each minute and asks each five; ten without a word are too long
LATE_S: Final = 300.0  # its newest event arrived so long after it was made


class Wrong(msgspec.Struct, frozen=True):
    """Something that a person should look at; the higher, the sooner."""

    weight: int
    text: Text


class Line(msgspec.Struct, frozen=True):
    """A branch on the page."""

    id: str
    name: str | Mapping[str, str] | None
    region: str | None
    listed: bool
    last_heard: str | None
    silent_s: float | None
    lag_s: float | None  # from when its newest event was made to when the branch was last heard
    gaps: int  # events that are lacking below ones that are held
    events: int
    refused: int
    epoch: str | None
    lanes: Mapping[str, int]
    today: Mapping[str, int]
    wrong: tuple[Wrong, ...]

    def weight(self) -> int:
        """How urgent the worst of it is."""
        return max((wrong.weight for wrong in self.wrong), default=0)


def fleet(known: Mapping[str, BranchSection], states: Iterable[BranchState], now: float) -> list[Line]:
    """A line for every branch that is listed or was heard, the most urgent first; `now` is unix seconds."""
    heard = {state.id: state for state in states}
    lines = [_line(id_, known.get(id_), heard.get(id_), now) for id_ in {*known, *heard}]
    return sorted(lines, key=lambda line: (-line.weight(), line.id))


def summary(lines: Iterable[Line]) -> dict[str, Any]:
    """Counts over all branches."""
    lines = list(lines)
    return {
        "branches": len(lines),
        "with_problems": sum(bool(line.wrong) for line in lines),
        "events": sum(line.events for line in lines),
        "gaps": sum(line.gaps for line in lines),
        "refused": sum(line.refused for line in lines),
    }


def _line(id_: str, section: BranchSection | None, state: BranchState | None, now: float) -> Line:
    name, region = (section.name, section.region) if section else (None, None)
    if state is None:
        never = (Wrong(3, text("was never heard", "从未收到过数据")),)
        return Line(id_, name, region, section is not None, None, None, None, 0, 0, 0, None, {}, {}, never)
    silent_s = max(0.0, now - _unix(state.last_heard))
    lag_s = max(0.0, _unix(state.last_heard) - _unix(state.last_t)) if state.last_t else None
    gaps = sum(map(_lacking, state.lanes))
    wrong = tuple(_wrong(state, silent_s, lag_s, gaps, listed=section is not None))
    lanes = {lane.lane: lane.up_to for lane in state.lanes}
    today = state.figures if state.last_t and _is_today(state.last_t, now) else {}
    return Line(
        id_, name, region, section is not None, state.last_heard, silent_s, lag_s, gaps, state.events, state.refused,
        state.epoch, lanes, today, wrong,
    )  # fmt: skip


def _wrong(state: BranchState, silent_s: float, lag_s: float | None, gaps: int, *, listed: bool) -> Iterable[Wrong]:
    if silent_s > QUIET_S:
        minutes = round(silent_s / 60)
        yield Wrong(4, text(f"not heard for {minutes} min", f"已 {minutes} 分钟无数据"))
    if any(lane.disputed for lane in state.lanes):
        yield Wrong(4, text("two stores number under one epoch; waiting for a new epoch", "同一纪元出现两个存储；等待新纪元"))
    if gaps:
        yield Wrong(3, text(f"{gaps} events are lacking and were asked for", f"缺少 {gaps} 条事件，已要求重发"))
    if lag_s is not None and lag_s > LATE_S:
        yield Wrong(2, text(f"its newest event is {round(lag_s / 60)} min old", f"最新事件已滞后 {round(lag_s / 60)} 分钟"))
    if state.refused:
        yield Wrong(2, text(f"{state.refused} messages were set aside", f"{state.refused} 条消息被搁置"))
    if not listed:
        yield Wrong(1, text("is new: it does not stand in hq.yaml", "新网点：未列入 hq.yaml"))


def _lacking(lane: LaneState) -> int:
    """How many events of a lane are lacking below the highest that is held."""
    return lane.ahead[-1][1] - lane.up_to - sum(last - first + 1 for first, last in lane.ahead) if lane.ahead else 0


def _is_today(moment: str, now: float) -> bool:
    """Whether `moment` is of the day that it is now where it was written."""
    read = datetime.fromisoformat(moment)
    return datetime.fromtimestamp(now, read.tzinfo or UTC).date() == read.date()


def _unix(moment: str) -> float:
    """Unix seconds of ISO 8601; one without an offset is UTC."""
    read = datetime.fromisoformat(moment)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
