"""Mailbox: the commands waiting for one device, the newest of each quantity and part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from devices.reading import Command

_MOST: Final = 256
_EACH_COUNTS: Final = frozenset({"call", "print_ticket", "restart", "test_print"})
"""Of these every one is to be done, not only the newest."""


class Mailbox:
    """Bounded by the quantities and parts a device has; a newer command replaces one not yet taken."""

    def __init__(self, replaced: Callable[[Command], None]) -> None:
        """`replaced` hears of each command that is given up for a newer one."""
        self._waiting: dict[tuple[str, str], Command] = {}
        self._woken = asyncio.Event()
        self._replaced = replaced

    def put(self, command: Command) -> None:
        """Queue a command."""
        key = (command.quantity, command.id if command.quantity in _EACH_COUNTS else command.part)
        older = self._waiting.pop(key, None)
        if older is None and len(self._waiting) >= _MOST:
            older = self._waiting.pop(next(iter(self._waiting)))
        if older is not None:
            self._replaced(older)
        self._waiting[key] = command
        self._woken.set()

    async def take(self) -> AsyncIterator[Command]:
        """Commands as they come; ends only by cancellation."""
        while True:
            while not self._waiting:
                self._woken.clear()
                await self._woken.wait()
            yield self._waiting.pop(next(iter(self._waiting)))
