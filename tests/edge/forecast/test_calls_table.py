"""Calls table: what a row means, and every contradiction by its line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.forecast.calls_table import COLUMNS, CallsTableError, parse, read

ZONE = ZoneInfo("Asia/Shanghai")
HEADER = ",".join(COLUMNS)
GOOD = "A001,personal,care,2026-09-01 09:00:00,2026-09-01 09:05:00,2026-09-01 09:05:20,2026-09-01 09:10:00,1,served"


def left_out(row: str) -> list[str]:
    table = parse([HEADER + "\n", GOOD + "\n", row + "\n"], ZONE)
    assert len(table.calls) == 2 - len(table.left_out)
    return list(table.left_out)


def test_times_with_and_without_zone() -> None:
    zoned = "A002,personal,,2026-09-01T01:00:00Z,2026-09-01T09:05:00+08:00,,,1,no_show"
    table = parse([HEADER, GOOD, zoned], ZONE)
    first, second = table.calls
    assert first.issued_at == second.issued_at == datetime(2026, 9, 1, 9, tzinfo=ZONE).timestamp()
    assert first.wait_s == second.wait_s == 300.0
    assert (second.class_, second.started_at, second.finished_at) == ("normal", None, None)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("A002,p,normal,2026-09-01 09:10:00,2026-09-01 09:05:00,,,1,no_show", "called_at is before issued_at"),
        ("A002,p,normal,2026-09-01 09:00:00,2026-09-01 09:05:00,2026-09-01 09:04:00,,1,served", "started_at is before called_at"),
        (
            "A002,p,normal,2026-09-01 09:00:00,2026-09-01 09:05:00,2026-09-01 09:06:00,2026-09-01 09:05:30,1,served",
            "finished_at is before started_at",
        ),
        ("A002,p,normal,2026-09-01 09:00:00,,,,,served", "served but never called"),
        ("A002,p,normal,2026-09-01 09:00:00,2026-09-01 09:05:00,2026-09-01 09:05:00,,1,abandoned", "abandoned but its service started"),
        ("A002,p,normal,2026-09-01 09:00:00,2026-09-01 09:05:00,,,1,vanished", "outcome 'vanished' is none of"),
        ("A002,p,normal,,2026-09-01 09:05:00,,,1,served", "no issued_at"),
        ("A002,p,normal,nine o'clock,,,,,abandoned", 'issued_at "nine o\'clock" is no time'),
        ("A002,p,normal,2026-09-01 23:00:00,2026-09-02 09:00:00,,,1,no_show", "it goes over midnight"),
        (",p,normal,2026-09-01 09:00:00,,,,,abandoned", "no ticket or no service"),
        ("A002,p,normal", "3 fields, the header has 9"),
        (GOOD, "the same ticket as line 2"),
    ],
)
def test_a_row_that_contradicts_itself_is_named(row: str, why: str) -> None:
    (said,) = left_out(row)
    assert said.startswith("line 3: ")
    assert why in said


@pytest.mark.parametrize(
    "row",
    [
        "A002,p,normal,2026-09-01 09:00:00,,,2026-09-01 09:20:00,,abandoned",
        "A002,p,normal,2026-09-01 09:00:00,,,,,abandoned",
        "A002,p,normal,2026-09-01 09:00:00,,2026-09-01 09:05:00,2026-09-01 09:05:00,1,served",
        "A002,p,normal,2026-09-01 09:00:00,2026-09-01 09:00:00,2026-09-01 09:00:00,,1,transferred",
        "",
    ],
)
def test_what_is_sound_stays(row: str) -> None:
    assert left_out(row) == [] if row else parse([HEADER, GOOD, ""], ZONE).left_out == ()


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(CallsTableError, match=r"lacks finished_at, outcome"):
        parse(["ticket,service,class,issued_at,called_at,started_at,counter"], ZONE)
    with pytest.raises(CallsTableError, match="No such file"):
        read(tmp_path / "none.csv", ZONE)
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + b"\n\xe9\xe9,,,,,,,,\n")
    with pytest.raises(CallsTableError, match="UTF-8"):
        read(tmp_path / "latin.csv", ZONE)
    (tmp_path / "bom.csv").write_text("\ufeff" + HEADER + "\n" + GOOD + "\n", encoding="utf-8")
    assert len(read(tmp_path / "bom.csv", ZONE).calls) == 1


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n\x00", codec="utf-8"), max_size=120), max_size=8))
def test_no_lines_break_it(lines: list[str]) -> None:
    table = parse([HEADER, *lines], ZONE)
    assert len(table.calls) + len(table.left_out) <= len(lines)
