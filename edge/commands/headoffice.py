"""`smartbranch headoffice`: the aggregator, a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from edge.config.load import ConfigError
from edge.headoffice.process import serve
from edge.headoffice.settings import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of the command."""
    parser.add_argument("file", type=Path, metavar="hq.yaml", help="its settings; an empty file is valid")


def run(arguments: argparse.Namespace) -> int:
    """Run head office until it is told to stop; the exit status."""
    file: Path = arguments.file
    try:
        settings, warnings = load(file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in warnings:
        print(warning.told(file.name), file=sys.stderr)
    status = 0
    try:
        asyncio.run(serve(settings, file.absolute().parent))
    except* OSError as errors:
        print(f"headoffice: {errors.exceptions[0]}", file=sys.stderr)
        status = 1
    return status
