"""What the board shows beyond the branch's state: the daemon's own status and the line to head office."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from devices.reading import Text
from edge.bus import Board
from edge.clock import written
from edge.engine import Engine
from edge.ops.topics import payloads

_ALARMING = frozenset({"offline", "faulty"})
VERSION: Final = version("smart-branch-edge")
_LANGUAGES: Final = ("zh-CN", "en")
Problems = Callable[[], Iterable[Text]]


class BranchBoard:
    """Brings the board up to the engine's state; topics that are no more are taken away."""

    def __init__(self, board: Board, uplink: Callable[[], Mapping[str, Any] | None], problems: Problems) -> None:
        """`uplink` is the line's payload, None without head office; `problems` are those of the daemon's own parts."""
        self._board, self._uplink, self._problems = board, uplink, problems
        self._shown: set[str] = set()
        self._since: str | None = None

    def refresh(self, engine: Engine) -> None:
        """Put what is so now."""
        now, core = engine.clock.now(), engine.core
        found: dict[str, Mapping[str, Any] | None] = dict(payloads(engine.plan, core.state, core.forecast, core.advice, now))
        t = written(now, engine.plan.timezone)
        self._since = self._since or t
        told = {language: self._told(engine, language) for language in _LANGUAGES}
        found["status"] = {
            "state": "online",
            "version": VERSION,
            "since": self._since,
            "problems": told.get(engine.plan.language, told["en"]),
            "told": told,
            "t": t,
        }
        if (uplink := self._uplink()) is not None:
            found["uplink"] = {**uplink, "t": t}
        gone = dict.fromkeys(self._shown - set(found))
        self._shown = set(found)
        self._board.put({**found, **gone})

    def _told(self, engine: Engine, language: str) -> list[str]:
        own = [problem.get(language, problem["en"]) for problem in self._problems()]
        return [*own, *self._of_devices(engine, language)]

    @staticmethod
    def _of_devices(engine: Engine, language: str) -> Iterable[str]:
        for device, now in engine.core.state.fleet.devices.items():
            if now.state in _ALARMING and device in engine.plan.devices:
                why = now.reason.get(language, now.state) if now.reason else now.state
                yield f"{engine.plan.devices[device].kind} {device}: {why}"
