"""The command line: which commands there are; each is imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

_COMMANDS: Final = {
    "init": "write a commented branch.yaml to begin from",
    "check": "check a branch.yaml; every mistake at once, with its line",
    "schema": "print the JSON Schema of branch.yaml, drivers included",
    "run": "run the branch",
    "demo": "show a whole branch at work, from nothing",
    "count": "count people in a recording",
    "models": "the people detectors on this box",
    "capture": "record what a device really says",
    "replay": "run recorded bytes through the same drivers and rules",
    "cosimulate": "run against an outside model, one JSON object a line",
    "backtest": "replay waiting-time forecasts over a branch's own history",
    "simulate": "run the built-in branch in simulated time",
    "headoffice": "run head office's aggregator",
    "report": "write the service review of a month",
    "bench": "measure, each beside its peer",
}


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smartbranch", description="The program on the edge box of a bank branch.")
    parser.add_argument("--version", action="version", version=f"smartbranch {version('smart-branch-edge')}")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="what is logged (INFO)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == chosen:
            importlib.import_module(f"edge.commands.{name}").add_arguments(command)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 (it failed, and said why) or 2 (called wrongly)."""
    given = list(sys.argv[1:] if words is None else words)
    chosen = next((word for word in given if word in _COMMANDS), None)
    arguments = _parser(chosen).parse_args(given)
    from edge.running import log_to_stderr  # noqa: PLC0415 (after `--version`, which should answer at once)

    log_to_stderr(arguments.log_level)
    try:
        return int(importlib.import_module(f"edge.commands.{arguments.command}").run(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        return 1


if __name__ == "__main__":
    sys.exit(main())
