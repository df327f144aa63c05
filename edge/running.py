"""Running: log set-up, signals and the service manager's watchdog, the same for every long command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import sdnotify

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def log_to_stderr(level: str = "INFO") -> None:
    """Logs go to standard error; a service manager adds its own time."""
    under_systemd = "JOURNAL_STREAM" in os.environ
    logging.basicConfig(stream=sys.stderr, level=level, format=_FORMAT.removeprefix("%(asctime)s ") if under_systemd else _FORMAT)
    for name in ("mqtt", "pymodbus", "asyncio"):  # theirs repeat what ours tell once
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def watchdog() -> None:
    """Tell systemd that it is ready, and from then on, as often as it asks for, that the loop turns."""
    if "NOTIFY_SOCKET" not in os.environ:
        return  # nobody listens
    notifier = sdnotify.SystemdNotifier()
    every_s = float(os.environ.get("WATCHDOG_USEC", "60000000")) / 2_000_000
    with notifier.socket or contextlib.nullcontext():
        notifier.notify("READY=1")
        while True:
            notifier.notify("WATCHDOG=1")
            await asyncio.sleep(every_s)
