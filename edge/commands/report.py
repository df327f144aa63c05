"""`smartbranch report`: the service review of a month, from the branch's store."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from pathlib import Path

from edge.clock import MachineClock, day_of
from edge.config.load import ConfigError, load
from edge.config.plan import plan_of
from edge.reports.page import html
from edge.reports.review import ReviewError, bounds, review
from edge.store.history import events_in
from edge.store.schema import FILE_NAME


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")
    parser.add_argument("--month", help="YYYY-MM, or YYYY-Q1 to YYYY-Q4 (this month)")
    parser.add_argument("--out", type=Path, help="where to write it (standard output)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page; 1 when there is no store or the file is wrong."""
    try:
        config = load(arguments.file)
        plan = plan_of(config)
        month = arguments.month or day_of(MachineClock().now(), plan.timezone)[:7]
        begins, ends = bounds(month, plan.timezone)
        events = events_in(config.store_folder / FILE_NAME, day_of(begins, plan.timezone), day_of(ends - 1, plan.timezone))
        page = html(review(plan, events, month), plan.language)
        if arguments.out:
            arguments.out.write_text(page, encoding="utf-8")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except ReviewError as error:
        print(error, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(f"{config.store_folder / FILE_NAME}: {error}; has this branch run here?", file=sys.stderr)
        return 1
    if not arguments.out:
        print(page)
    return 0
