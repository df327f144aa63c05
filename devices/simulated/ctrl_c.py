"""Ctrl-C goes to every process of a terminal; what is ended by us in its turn is begun so that it does not hear it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Child processes begun within, by this thread, do not hear SIGINT: the mask of a thread is inherited (signal(7))."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
