"""Backtest: the form of its answer, nothing known before its time, and better than the baselines on a branch it never saw."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from edge.forecast.backtest import Judged, backtest, replayed, summed_up, table
from edge.forecast.baselines import NAMES
from edge.forecast.calls_table import COLUMNS, Call
from edge.forecast.credits import credits_s
from edge.forecast.happenings import happenings
from edge.forecast.synthetic import branch, calls
from edge.forecast.wait import Wait

ZONE = ZoneInfo("Asia/Shanghai")
UNTIL = date(2026, 9, 8)


@pytest.fixture(scope="module")
def history() -> list[Call]:
    of = branch(4)
    return list(calls(replace(of, care_share=0.15, care_credit_s=600.0), 11, 4))


@pytest.fixture(scope="module")
def judged(history: list[Call]) -> list[Judged]:
    return replayed(history, UNTIL, ZONE)[0]


def write(path: Path, rows: Sequence[Call]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for c in rows:
            times = [
                "" if t is None else datetime.fromtimestamp(t, UTC).isoformat()
                for t in (c.issued_at, c.called_at, c.started_at, c.finished_at)
            ]
            writer.writerow([c.ticket, c.service, c.class_, *times, c.counter, c.outcome])


def test_the_answer_has_the_keys_of_the_contract(tmp_path: Path, history: list[Call]) -> None:
    write(tmp_path / "calls.csv", [*history, replace(history[0], ticket="X001", called_at=history[0].issued_at - 5)])
    result = backtest(tmp_path / "calls.csv", UNTIL, ZONE)
    answer = result.as_json()
    assert {"calls", "mae_s", "p90_coverage", "baselines", "by_tercile"} <= answer.keys()
    assert set(answer["baselines"]) == set(NAMES)
    assert [set(part) >= {"mae_s", "p90_coverage"} for part in answer["by_tercile"]] == [True] * 3
    expected = [c for c in history if c.outcome == "served" and c.wait_s and datetime.fromtimestamp(c.issued_at, ZONE).date() > UNTIL]
    assert answer["calls"] + answer["unknown"] == len(expected)
    assert any("called_at is before issued_at" in line for line in answer["left_out"])
    assert "queue_length" in table(result)


def test_it_beats_the_baselines_and_its_p90_holds(judged: list[Judged]) -> None:
    result = summed_up(judged, 0, UNTIL)
    assert result.mae_s is not None
    assert result.p90_coverage is not None
    assert all(mae_s is not None and result.mae_s < mae_s for mae_s in result.baselines.values())
    assert 0.84 <= result.p90_coverage <= 0.96


@pytest.mark.parametrize("cut", [0.75, 0.9])
def test_changing_the_future_never_changes_an_earlier_forecast(history: list[Call], judged: list[Judged], cut: float) -> None:
    moment = history[int(len(history) * cut)].issued_at
    changed = [_changed(call, moment) for call in history if call.issued_at <= moment]
    after, _ = replayed(changed, UNTIL, ZONE)
    early = {key(j, history): j.wait for j in judged if history[int(j.ticket.split("#")[1])].issued_at <= moment}
    other = {key(j, changed): j.wait for j in after}
    shared = early.keys() & other.keys()
    assert len(shared) > 50
    assert all(early[ticket] == other[ticket] for ticket in shared)


def key(judged: Judged, rows: Sequence[Call]) -> tuple[str, float]:
    call = rows[int(judged.ticket.split("#")[1])]
    return call.ticket, call.issued_at


def _changed(call: Call, moment: float) -> Call:
    """The same up to the moment; whatever comes after it comes an hour later."""

    def later(t: float | None) -> float | None:
        return t + 3600 if t is not None and t > moment else t

    return replace(call, called_at=later(call.called_at), started_at=later(call.started_at), finished_at=later(call.finished_at))


def test_an_empty_test_period_is_said_and_not_invented(tmp_path: Path, history: list[Call]) -> None:
    write(tmp_path / "calls.csv", history[:200])
    result = backtest(tmp_path / "calls.csv", date(2030, 1, 1), ZONE)
    assert (result.calls, result.mae_s, result.p90_coverage, result.by_tercile) == (0, None, None, [])
    assert "nobody to forecast" in table(result)


def test_figures_by_hand() -> None:
    judged = [
        Judged(f"{i}", Wait(100.0 * i, 200.0 * i), dict.fromkeys(NAMES, 0.0), wait_s) for i, wait_s in enumerate((150, 450, 330), start=1)
    ]
    result = summed_up(judged, 2, UNTIL)
    assert result.mae_s == pytest.approx((50 + 250 + 30) / 3)
    assert result.p90_coverage == pytest.approx(2 / 3)
    assert result.baselines["queue_length"] == pytest.approx(310)
    assert [part.p90_coverage for part in result.by_tercile] == [1.0, 0.0, 1.0]


def test_happenings_of_one_moment_are_issues_then_ends_then_calls() -> None:
    first = Call("A1", "a", "normal", 0.0, 0.0, 0.0, 60.0, "1", "served")
    second = Call("A2", "a", "normal", 60.0, 60.0, 60.0, 60.0, "1", "served")
    told = [(event.type, event.data["ticket"]) for event in happenings([first, second])]
    assert told == [
        ("ticket.issued", "A1#0"),
        ("ticket.called", "A1#0"),
        ("ticket.started", "A1#0"),
        ("ticket.issued", "A2#1"),
        ("ticket.finished", "A1#0"),
        ("ticket.called", "A2#1"),
        ("ticket.started", "A2#1"),
    ]


@pytest.mark.parametrize("credit_s", [0.0, 600.0, 36_000.0])
def test_the_credit_of_a_class_is_found(credit_s: float) -> None:
    of = replace(branch(4), care_share=0.2, care_credit_s=credit_s, patience_s=1e6)
    found = credits_s(list(calls(of, 8, 1)))["care"]
    assert found == credit_s or (credit_s > 3600 and found >= 3600)
