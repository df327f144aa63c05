"""Isolation: the one place where a failing device is caught, told once, and started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from devices.driver import DriverError, text
from devices.reading import Sample
from edge.store.writer import StoreClosedError

_LOG = logging.getLogger(__name__)
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0
_WORKS_AFTER_S: Final = 10.0
"""A driver that was started again and did not fail for so long works; what its device is then, it tells itself."""
_HELD_S: Final = 60.0
"""A run that lasted this long was sound: the next failure is told anew and tried again soon."""


async def isolated(device: str, run: Callable[[], Awaitable[None]], told: Callable[[Sample], None]) -> None:
    """Run a device until cancelled; when it fails it is faulty, and is started again after a while, longer each time."""
    loop, pause_s, failing = asyncio.get_running_loop(), _FIRST_S, ""
    while True:
        began = loop.time()
        works = loop.call_later(_WORKS_AFTER_S, _tell_works, device, told) if failing else None
        try:
            await run()
            error: Exception = DriverError("its driver ended by itself; that is a mistake in the driver")
        except StoreClosedError:
            raise
        except Exception as caught:  # noqa: BLE001 (this is the one place that isolates a device)
            error = caught
        finally:
            if works:
                works.cancel()
        if loop.time() - began >= _HELD_S:
            pause_s, failing = _FIRST_S, ""
        _tell(device, error, told, again=failing == (said := _said(error)))
        failing = said
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_S)


def _tell_works(device: str, told: Callable[[Sample], None]) -> None:
    _LOG.info("%s: its driver works again", device)
    told(Sample("state", "online"))


def _tell(device: str, error: Exception, told: Callable[[Sample], None], *, again: bool) -> None:
    """The state each time, for it may have seemed to work meanwhile; the log once."""
    said = _said(error)
    if again:
        _LOG.debug("%s: its driver failed again", device)
    elif _is_expected(error):
        _LOG.error("%s: %s", device, said)
    else:
        _LOG.error("%s: its driver failed", device, exc_info=error)
    told(Sample("state", "faulty", reason=text(f"its driver failed: {said}", f"驱动出错：{said}")))


def _said(error: Exception) -> str:
    """What went wrong, out of the groups that tasks wrap it in."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(dict.fromkeys(map(_said, error.exceptions)))
    return str(error) or type(error).__name__


def _is_expected(error: Exception) -> bool:
    """Whether the driver said what the operator should do; anything else is a mistake of ours, and its trace is needed."""
    return all(map(_is_expected, error.exceptions)) if isinstance(error, ExceptionGroup) else isinstance(error, DriverError)
