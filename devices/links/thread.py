"""Calls that may hang, in a thread of their own that nothing ever waits for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T], *, unwanted: Callable[[T], object] | None = None) -> T:
    """What `call` returns, from a daemon thread; unlike the loop's own pool, a hanging call does not hold up the end of the process.

    When the wait is cancelled the call goes on by itself, and what it then returns is handed to `unwanted` (to close it).
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():  # the wait was cancelled; closing what came of it may hang like the call itself
            threading.Thread(target=_discard, args=(result, error, unwanted), daemon=True).start()
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type] # without an error it is a T

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 # handed to whoever waits, as it is
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed by now
            _discard(result, error, unwanted)

    threading.Thread(target=work, daemon=True, name=f"link {call}").start()
    return await answer


def _discard(result: T | None, error: BaseException | None, unwanted: Callable[[T], object] | None) -> None:
    if error is None and unwanted is not None:
        with contextlib.suppress(OSError):
            unwanted(result)  # type: ignore[arg-type] # without an error it is a T
