"""Several things that may be wrong with one device at the same time, of which the worst is told."""

from __future__ import annotations

import logging
from typing import Final

from devices.driver import Branch
from devices.reading import Sample, Text

_LOGGER = logging.getLogger(__name__)
_WORST_FIRST: Final = ("offline", "stale", "faulty")


class Troubles:
    """Each cause stands until it ends; the device (or a part of it) is online when none is left.

    The state is told again whenever the device is heard, since its link also tells `online` when the wire is back.
    """

    def __init__(self, branch: Branch, part: str = "") -> None:
        self._branch, self._part = branch, part
        self._standing: dict[str, tuple[str, Text]] = {}
        self._logged = "online"  # a device that starts well is not worth a line

    def __contains__(self, cause: str) -> bool:
        return cause in self._standing

    def began(self, cause: str, state: str, reason: Text) -> None:
        """`cause` makes the device `state` (offline | stale | faulty); the newest reason of a cause counts."""
        self._standing[cause] = (state, reason)
        self.tell()

    def ended(self, *causes: str) -> None:
        """These are over (or never were), and the device was heard."""
        for cause in causes:
            self._standing.pop(cause, None)
        self.tell()

    def tell(self) -> None:
        """Say how the device is; the log says it once."""
        state, reason = min(self._standing.values(), key=lambda trouble: _WORST_FIRST.index(trouble[0]), default=("online", None))
        if state != self._logged:
            self._logged = state
            level, said = (logging.WARNING, reason["en"]) if reason else (logging.INFO, "all is well")
            _LOGGER.log(level, "%s is %s: %s", " ".join(filter(None, (self._branch.device, self._part))), state, said)
        self._branch.measured(Sample("state", state, part=self._part, reason=reason))
