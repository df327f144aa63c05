"""`smartbranch backtest`: waiting-time forecasts replayed over a branch's own history, beside the baselines."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.forecast.backtest import backtest, table
from edge.forecast.calls_table import CallsTableError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CALLS.csv (design 4.4)")
    parser.add_argument("--train-until", metavar="DATE", type=_day, help="the last day that is only learned from, YYYY-MM-DD")
    parser.add_argument("--timezone", type=_zone, default="Asia/Shanghai", help="of times without an offset")
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Print the errors and the calibration; 1 when the table cannot be read."""
    try:
        result = backtest(arguments.file, arguments.train_until, arguments.timezone)
    except (CallsTableError, OSError, ValueError) as error:
        print(f"{arguments.file}: {str(error).removeprefix(f'{arguments.file}: ')}", file=sys.stderr)
        return 1
    for row in result.left_out:
        print(row, file=sys.stderr)
    print(json.dumps(result.as_json()) if arguments.json else table(result))
    return 0


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day; write for example 2026-09-30") from None


def _zone(written: str) -> ZoneInfo:
    try:
        return ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(f"no time zone is called {written!r}; for example Asia/Shanghai") from None
