"""`smartbranch cosimulate`: the branch against an outside model of its building or customers, one JSON object a line each way."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.config.load import ConfigError, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")


def run(arguments: argparse.Namespace) -> int:
    """Answer each line of standard input with one line; a line that cannot be read is answered with its error."""
    from edge.config.plan import plan_of  # noqa: PLC0415 (the core's imports are not needed to say that a file is wrong)
    from edge.cosimulation import Cosimulation  # noqa: PLC0415

    try:
        config = load(arguments.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    cosimulation = Cosimulation(plan_of(config))
    failed = False
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            answer = cosimulation.answer(line)
            if "error" in answer:
                failed = True
                print(f"line {number}: {answer['error']}", file=sys.stderr)
            sys.stdout.write(cosimulation.written(answer) + "\n")
            sys.stdout.flush()
    return 1 if failed else 0
