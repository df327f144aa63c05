"""Repeats: which occurrence is a copy of one that was kept; mirrored in the database by the commit that keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from devices.reading import Occurrence

_MOST_A_DEVICE = 8192
"""Remembered identities of one device; far more than any window of the wire formats (256), or than comes in ten minutes."""


SeenRow = tuple[str, str, float, int, int]
"""A row of the table `seen`: device, identity, when last (running seconds), its number at the device, the run."""


@dataclass(slots=True)
class _Entry:
    last_s: float
    number: int
    run: int
    within: int | None = None  # of how many of its device it matters among; None: time alone tells


@dataclass(slots=True)
class Repeats:
    """What each device said lately. `run` counts the starts of the box; times are seconds that it was running."""

    run: int
    _by_device: dict[str, dict[str, _Entry]] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[SeenRow], run: int) -> Repeats:
        """As the table `seen` holds it; rows in order of their number."""
        repeats = cls(run)
        for device, identity, last_s, number, of_run in rows:
            repeats._by_device.setdefault(device, {})[identity] = _Entry(last_s, number, of_run)
            repeats._count[device] = max(repeats._count.get(device, 0), number)
        return repeats

    def is_copy(self, occurrence: Occurrence, running_s: float) -> bool:
        """Whether this was kept before; being heard again makes its window begin anew."""
        entry = self._by_device.get(occurrence.device, {}).get(occurrence.identity)
        if entry is None or not self._within(entry, occurrence, running_s):
            return False
        entry.last_s, entry.run = max(entry.last_s, running_s), self.run
        return True

    def keep(self, occurrence: Occurrence, running_s: float) -> SeenRow:
        """Remember it; what comes back is its row of the table `seen`."""
        device = occurrence.device
        number = self._count[device] = self._count.get(device, 0) + 1
        entries = self._by_device.setdefault(device, {})
        entries.pop(occurrence.identity, None)
        entries[occurrence.identity] = _Entry(running_s, number, self.run, occurrence.copy_within)
        while len(entries) > _MOST_A_DEVICE or _is_past(entries[next(iter(entries))], number):
            del entries[next(iter(entries))]
        return device, occurrence.identity, running_s, number, self.run

    def forget(self, occurrence: Occurrence) -> None:
        """It was not kept after all: when it comes again it is no copy."""
        self._by_device.get(occurrence.device, {}).pop(occurrence.identity, None)

    def answered(self, occurrence: Occurrence, running_s: float) -> None:
        """Its answer goes out now: a copy within the window of the answer is one too."""
        entry = self._by_device.get(occurrence.device, {}).get(occurrence.identity)
        if entry is not None:
            entry.last_s = max(entry.last_s, running_s)

    def _within(self, entry: _Entry, occurrence: Occurrence, running_s: float) -> bool:
        window_s = occurrence.copy_within_s
        if entry.run != self.run and occurrence.copy_after_restart_s is not None:
            window_s = occurrence.copy_after_restart_s
        if occurrence.copy_within is not None and self._count[occurrence.device] - entry.number >= occurrence.copy_within:
            return False
        return running_s - entry.last_s <= window_s


def _is_past(oldest: _Entry, count: int) -> bool:
    """Whether so many came since that none is a copy of it any more."""
    return oldest.within is not None and count - oldest.number >= oldest.within
