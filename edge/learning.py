"""Learning: the forecast's experience, grown beside the running branch from its own past weeks, and studied each night."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from edge.branch.state import QueueState
from edge.core import Core
from edge.event import Event
from edge.forecast.experience import Experience
from edge.forecast.following import follow

_LOG = logging.getLogger(__name__)
_SLICE: Final = 5
"""Past events taken in at once: a few milliseconds, so that no press waits for the past."""
_PAUSE_S: Final = 0.02
_LOOK_EACH_S: Final = 60.0


class Learner:
    """Catches up with the past a little at a time, then follows the branch; the core forecasts with it once it has caught up."""

    def __init__(self, core: Core, past: Callable[[], Sequence[Event]]) -> None:
        """`past` reads the queue's events up to now, oldest first; it blocks, and is called in a thread."""
        self._core, self._past = core, past
        self._experience = Experience(core.plan.timezone)
        self._missed: list[Event] | None = []  # what happened while catching up
        core.learn = self._take

    def _take(self, queue: QueueState, events: Sequence[Event]) -> None:
        if self._missed is None:
            follow(self._experience, self._core.plan, queue, events)
        else:
            self._missed += events

    async def run(self) -> None:
        """Catch up, then study once a day; until cancelled."""
        await self._catch_up()
        studied = ""
        while True:
            if self._core.state.day != studied:
                studied = self._core.state.day
                await asyncio.to_thread(self._experience.study)
            await asyncio.sleep(_LOOK_EACH_S)

    async def _catch_up(self) -> None:
        past = await asyncio.to_thread(self._past)
        queue = QueueState()
        for start in range(0, len(past), _SLICE):
            queue = follow(self._experience, self._core.plan, queue, past[start : start + _SLICE])
            await asyncio.sleep(_PAUSE_S)
        follow(self._experience, self._core.plan, queue, self._missed or [])
        self._missed, self._core.experience = None, self._experience
        _LOG.info("the forecast has learned from %d past events of the queue", len(past))
