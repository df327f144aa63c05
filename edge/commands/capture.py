"""`smartbranch capture`: what a device really says, through the running daemon if there is one, as a fixture for `replay`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from edge.arguments import number
from edge.config.load import Config, ConfigError, load
from edge.recorder import CaptureError, captured
from edge.running import stopping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")
    parser.add_argument("--device", required=True, metavar="ID")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="JSON lines")
    parser.add_argument("--seconds", type=number, default=60.0, help="for how long (60); Ctrl-C stops before")


def run(arguments: argparse.Namespace) -> int:
    """0 when something was captured."""

    async def until_stopped(config: Config) -> int:
        async with stopping() as stop:
            return await captured(config, arguments.device, arguments.out, arguments.seconds, stop)

    try:
        count = asyncio.run(until_stopped(load(arguments.file)))
    except (ConfigError, CaptureError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.out}: {count} lines")
    return 0 if count else 1
