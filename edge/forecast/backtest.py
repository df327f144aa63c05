"""Backtest: forecasts of a branch's own history, each made when the ticket was issued, beside what came and the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from edge.forecast import baselines
from edge.forecast.calls_table import Call, read
from edge.forecast.credits import credits_s
from edge.forecast.features import UNKNOWN, Features
from edge.forecast.happenings import happenings, key
from edge.forecast.replay import Replay
from edge.forecast.wait import Wait

_TRAIN_SHARE: Final = 0.7  # of the days, where nothing is said
_STUDY_EACH_DAYS: Final = 7


class Tercile(msgspec.Struct, frozen=True):
    """A third of the customers, by the size of their forecast."""

    calls: int
    forecast_up_to_s: float
    mae_s: float
    p90_coverage: float


class Result(msgspec.Struct, frozen=True):
    """How good the forecasts were, over served customers of the test period who had to wait (design 4.1)."""

    calls: int
    mae_s: float | None  # None: there was nobody to forecast
    p90_coverage: float | None
    baselines: dict[str, float | None]
    by_tercile: list[Tercile]
    unknown: int  # of whom nothing could be said when they came; they are in no figure
    trained_until: str
    left_out: list[str]  # rows that contradict themselves, by line

    def as_json(self) -> dict[str, Any]:
        """As `smartbranch backtest --json` prints it."""
        return dict(msgspec.to_builtins(self))


class Judged(msgspec.Struct, frozen=True):
    """One customer: the forecast, what the baselines said, and the wait that came."""

    ticket: str
    wait: Wait
    peers: Mapping[str, float]
    wait_s: float


def backtest(path: Path, train_until: date | None, timezone: tzinfo) -> Result:
    """The forecasts over a table of calls; the day `train_until` belongs to training (default: seven tenths of the days).

    Raises:
        CallsTableError: the file is no table of calls, or holds none.
    """
    table = read(path, timezone)
    until = train_until or _default_until(table.calls, timezone)
    judged, unknown = replayed(table.calls, until, timezone)
    return summed_up(judged, unknown, until, table.left_out)


def _default_until(calls: Sequence[Call], timezone: tzinfo) -> date:
    days = sorted({datetime.fromtimestamp(call.issued_at, timezone).date() for call in calls})
    return days[max(0, int(len(days) * _TRAIN_SHARE) - 1)] if days else date(1970, 1, 1)


def replayed(calls: Sequence[Call], until: date, timezone: tzinfo) -> tuple[list[Judged], int]:
    """Served customers after `until` who had to wait, and of how many more nothing could be said."""
    split = datetime.combine(until + timedelta(days=1), datetime.min.time(), timezone).timestamp()
    outcomes = {key(number, call): call for number, call in enumerate(calls)}
    replay = Replay(timezone, credits_s([call for call in calls if call.issued_at < split]))
    study_at, judged, unknown = split, list[Judged](), 0
    for event in happenings(calls):
        if event.t >= study_at:
            replay.experience.study()
            study_at = event.t + _STUDY_EACH_DAYS * 86_400
        replay.step(event)
        if event.type != "ticket.issued" or event.t < split:
            continue
        name = event.data["ticket"]
        call, asked = outcomes[name], replay.experience.asked(name)
        if call.outcome != "served" or not call.wait_s or asked is None:
            continue
        if asked.said is None:
            unknown += 1
        else:
            judged.append(Judged(name, asked.said, peers(asked.known), call.wait_s))
    return judged, unknown


def peers(known: Features) -> dict[str, float]:
    """What each baseline says; where it cannot, the rolling mean, and before there is one, nothing is waited."""
    rolling_s = max(0.0, known.rolling_mean_s)
    said = dict(zip(baselines.NAMES, (known.queue_length_s, known.last_to_enter_s, known.head_of_line_s, rolling_s), strict=True))
    return {name: rolling_s if seconds == UNKNOWN else seconds for name, seconds in said.items()}


def summed_up(judged: Sequence[Judged], unknown: int, until: date, left_out: Sequence[str] = ()) -> Result:
    """The figures over all customers, and over the terciles of their forecasts."""
    if not judged:
        return Result(0, None, None, dict.fromkeys(baselines.NAMES), [], unknown, until.isoformat(), list(left_out))
    wait_s, p50_s, p90_s = (np.array(v) for v in zip(*((j.wait_s, j.wait.p50_s, j.wait.p90_s) for j in judged), strict=True))
    order = np.argsort(p50_s, kind="stable")
    parts = [part for part in np.array_split(order, 3) if len(part)]
    return Result(
        len(judged),
        float(np.abs(wait_s - p50_s).mean()),
        float((wait_s <= p90_s).mean()),
        {name: float(np.mean([abs(j.wait_s - j.peers[name]) for j in judged])) for name in baselines.NAMES},
        [
            Tercile(len(part), float(p50_s[part].max()), float(np.abs(wait_s - p50_s)[part].mean()), float((wait_s <= p90_s)[part].mean()))
            for part in parts
        ],
        unknown,
        until.isoformat(),
        list(left_out),
    )


def table(result: Result) -> str:
    """The figures for people."""
    if result.mae_s is None or result.p90_coverage is None:
        lines = [f"nobody to forecast after {result.trained_until}: no served customer who had to wait"]
    else:
        rows = [("smartbranch", result.mae_s), *((n, s) for n, s in result.baselines.items() if s is not None)]
        lines = [
            f"{result.calls} served customers who had to wait, after {result.trained_until} ({result.unknown} more not known)",
            f"{'forecast':<24}{'mean error':>12}",
            *(f"{name:<24}{seconds:>10.0f} s" for name, seconds in rows),
            f"waits within the p90: {result.p90_coverage:.1%}",
            *(
                f"  forecasts up to {t.forecast_up_to_s / 60:5.1f} min: mean error {t.mae_s:.0f} s, within the p90 {t.p90_coverage:.1%}"
                for t in result.by_tercile
            ),
        ]
    return "\n".join([*lines, *(f"left out: {why}" for why in result.left_out)])
