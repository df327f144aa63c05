"""What was told last of a device's state, so that a trouble is told once and its end once."""

from __future__ import annotations

import logging

from devices.driver import Branch
from devices.reading import Sample, Text

_LOGGER = logging.getLogger(__name__)


class Health:
    """Tells the branch a device's state when it changes; counts what could not be understood."""

    def __init__(self, branch: Branch, part: str = "") -> None:
        self._branch, self._part = branch, part
        self._told: tuple[str, Text | None] | None = None
        self.garbage = 0  # messages or answers that could not be understood

    @property
    def state(self) -> str | None:
        """What was told last; None before that, and after the link was away."""
        return self._told[0] if self._told else None

    def forget(self) -> None:
        """The link was away and has told so itself: whatever comes next is told anew."""
        self._told = None

    def online(self) -> None:
        """The device speaks, and all is well."""
        self.became("online")

    def became(self, state: str, reason: Text | None = None) -> None:
        """The device is `state`; told and logged only where that, or its reason, is new."""
        before, self._told = self._told, (state, reason)
        if before == self._told:
            return
        if before is not None or state != "online":  # a device that starts well is not worth a line
            level = logging.INFO if state == "online" else logging.WARNING
            who, why = f"{self._branch.device} {self._part}".rstrip(), (reason or {}).get("en", "all is well")
            _LOGGER.log(level, "%s is %s: %s", who, state, why)
        self._branch.measured(Sample("state", state, self._part, reason=reason))

    def not_understood(self, reason: Text) -> None:
        """Something came that is none of the device's own; told once, until something good comes."""
        self.garbage += 1
        if self.state != "faulty":
            self.became("faulty", reason)
