"""`smartbranch simulate`: the built-in branch in simulated time; the day's figures against the truth."""

from __future__ import annotations

import argparse
import json
import sys

import msgspec

from edge.arguments import whole
from edge.simulation import simulate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", default="weekday", help="weekday, payday, heatwave, winter or few-staff")
    parser.add_argument("--days", type=whole(1, 3660), default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures; 1 for a scenario that there is not."""
    try:
        figures = msgspec.to_builtins(simulate(arguments.scenario, arguments.days, arguments.seed))
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2, ensure_ascii=False))
    return 0
