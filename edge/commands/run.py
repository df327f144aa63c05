"""`smartbranch run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from edge.clock import FastClock
from edge.config.load import ConfigError, load
from edge.running import stopping
from edge.runtime import Runtime
from edge.store.store import StoreError

_LOG = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")
    parser.add_argument("--simulated-clock", type=_clock, metavar="START,RATE,BEGAN", help="the day of a simulation (for the demo)")


def run(arguments: argparse.Namespace) -> int:
    """0 after SIGTERM or SIGINT; 1 when the file or the store cannot be used."""
    try:
        return asyncio.run(_until_stopped(arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except StoreError as error:
        print(error, file=sys.stderr)
    return 1


def _clock(written: str) -> FastClock:
    start, rate, began = map(float, written.split(","))
    return FastClock(start, rate, began)


async def _until_stopped(arguments: argparse.Namespace) -> int:
    clock: FastClock | None = arguments.simulated_clock
    async with stopping() as stop:
        while not stop.is_set():
            config = await asyncio.to_thread(load, arguments.file)
            for warning in config.warnings:
                _LOG.warning("%s", warning.told(config.path.name))
            runtime = await asyncio.to_thread(Runtime, config, clock)  # it reads days off and the time zone
            running = asyncio.create_task(runtime.run())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not running.done():
                await runtime.leave()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            if not running.cancelled():
                running.result()
    return 0
