"""`smartbranch backtest`: waiting-time forecasts replayed over a branch's own history, beside the baselines."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.forecast.backtest import backtest, table
from edge.forecast.calls_table import CallsTableError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CALLS.csv (design 4.4)")
    parser.add_argument("--train-until", metavar="DATE", type=date.fromisoformat, help="the last day that is only learned from, YYYY-MM-DD")
    parser.add_argument("--timezone", default="Asia/Shanghai", help="of times without an offset")
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Print the errors and the calibration; 1 when the table cannot be read."""
    try:
        result = backtest(arguments.file, arguments.train_until, ZoneInfo(arguments.timezone))
    except (CallsTableError, OSError, KeyError, ValueError) as error:
        print(f"{arguments.file}: {error}", file=sys.stderr)
        return 1
    for row in result.left_out:
        print(row, file=sys.stderr)
    print(json.dumps(result.as_json()) if arguments.json else table(result))
    return 0
