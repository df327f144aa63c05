"""The detectors that a branch's cameras share, and the one thread in which their pictures are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from models.catalog import Catalog, PeopleDetector
from models.detector import Detector

P = ParamSpec("P")
R = TypeVar("R")


class DetectorPool:
    """The detectors of a branch: one session a network whichever cameras use it, one thread, first come first served.

    A camera has one picture in it at a time, so none waits for more than one picture of each other camera.
    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        self._catalog = catalog or Catalog()
        self._networks: dict[str, Detector] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vision")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def open(self, name: str, view: str) -> PeopleDetector:
        """The detector for a camera (`auto`: the best one on this box for its view); raises ModelError where none can be used."""
        return await self.run(self._open, name, view)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do `work` in the pool's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def _open(self, name: str, view: str) -> PeopleDetector:
        chosen = self._catalog.chosen(name, view)
        if chosen in self._networks:
            return self._networks[chosen]
        detector = self._catalog.open(chosen, view)
        if isinstance(detector, Detector):
            self._networks[chosen] = detector  # a background model is one camera's own
        return detector
