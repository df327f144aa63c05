"""Which detector a camera gets, and the one thread in which all cameras' pictures are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import msgspec

from edge.vision.view import Look
from models.catalog import Catalog
from models.detector import Detector

P = ParamSpec("P")
R = TypeVar("R")


class OpenLook(msgspec.Struct, frozen=True):
    """A detector as a view uses it."""

    name: str
    longest_px: int  # a larger picture tells it no more
    look: Look


def open_look(name: str, view: str, catalog: Catalog | None = None) -> OpenLook:
    """The detector called `name` (`auto`: the best one on this box for that view).

    Raises:
        ModelError: none that can be used; the text says what to do.
    """
    return _as_look((catalog or Catalog()).open(name, view))


def _as_look(detector: Detector) -> OpenLook:
    return OpenLook(detector.name, detector.longest_px, detector.detect)


class DetectorPool:
    """The detectors of a branch: one session a network whichever cameras use it, one thread, first come first served.

    A camera has one picture in it at a time, so none waits for more than one picture of each other camera.
    """

    def __init__(self, catalog: Catalog | None = None) -> None:
        self._catalog = catalog or Catalog()
        self._detectors: dict[str, Detector] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vision")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def open(self, name: str, view: str) -> OpenLook:
        """The detector for a camera; raises ModelError where none can be used."""
        return await self.run(self._open, name, view)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do `work` in the pool's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def _open(self, name: str, view: str) -> OpenLook:
        manifest = self._catalog.find(name, view)
        if manifest.name not in self._detectors:
            self._detectors[manifest.name] = self._catalog.open(manifest.name, view)
        return _as_look(self._detectors[manifest.name])
