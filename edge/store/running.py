"""What is kept beside the database in place, without a commit: how long the box ran, and what was given up on a full disk."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Final

_LAYOUT: Final = struct.Struct("<dQd")
"""Seconds that the box was running over all runs; bulk events given up and not told yet; the wall clock, unix seconds."""
_NAME: Final = "running"


class RunningFile:
    """Written each second over itself, so that a full disk has room for it; not synced: a power cut is longer than what it guards."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Blocks on the disk.

        Raises:
            OSError: it cannot be opened.
        """
        path = folder / _NAME
        path.touch()
        kept = path.read_bytes()
        self.running_s: float = 0.0
        self.given_up: int = 0
        self.wall_s: float = 0.0
        if len(kept) == _LAYOUT.size:
            self.running_s, self.given_up, self.wall_s = _LAYOUT.unpack(kept)
        self._file = path.open("r+b", 0)

    def write(self, running_s: float, given_up: int, wall_s: float) -> None:
        """Keep them; a disk that does not take it takes it the next time."""
        with contextlib.suppress(OSError):
            self._file.seek(0)
            self._file.write(_LAYOUT.pack(running_s, given_up, wall_s))

    def close(self) -> None:
        self._file.close()
