"""`smartbranch demo`: a whole branch at work, from nothing."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from edge.arguments import number, whole
from edge.demo import DemoError, Options, demo
from edge.running import stopping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speed", type=number, default=1.0, help="how many times as fast the day runs (1)")
    parser.add_argument("--minutes", type=number, help="stop by itself after so many minutes of wall time, and sum up")
    parser.add_argument("--port", type=whole(1, 65_535), default=8080, help="of the page on 127.0.0.1 (8080)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another day (7)")
    parser.add_argument("--json", action="store_true", help="print the sums as one JSON object and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """0 when nothing was lost or doubled."""
    options = Options(arguments.speed, arguments.minutes, arguments.port, arguments.seed)
    to = sys.stderr if arguments.json else sys.stdout

    async def until_stopped() -> int:
        async with stopping() as stop:
            result = await demo(options, stop, lambda line: print(line, file=to, flush=True))
        print(msgspec.json.encode(result).decode() if arguments.json else result.told())
        return 1 if result.lost or result.duplicated else 0

    try:
        return asyncio.run(until_stopped())
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
