"""Ledger: the messages of one MQTT connection that are not acknowledged yet, so that it is done in the order of their arrival."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Entry:
    """A message as it arrived; `waiting` is how many devices have not done with it."""

    __slots__ = ("mid", "waiting")

    def __init__(self, mid: int, waiting: int) -> None:
        self.mid = mid
        self.waiting = waiting


class Ledger:
    """Sends acknowledgements for the done ones at the head, never past one that waits.

    Order of arrival is what MQTT 3.1.1 asks for (4.6) and what rumqttd insists on.
    """

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def arrived(self, mid: int, waiting: int) -> Entry:
        """Note a message that `waiting` devices must be done with; with 0 it is acknowledged in its turn."""
        entry = Entry(mid, waiting)
        self._entries.append(entry)
        self._send()
        return entry

    def done(self, entry: Entry) -> None:
        """One of the devices is done with it."""
        entry.waiting -= 1
        self._send()

    def _send(self) -> None:
        while self._entries and self._entries[0].waiting <= 0:
            self._acknowledge(self._entries.popleft().mid)
