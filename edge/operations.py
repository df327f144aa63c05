"""Operations: what people ask of the daemon itself (restart a device, capture a wire, read the file again); the rest is the engine's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devices.driver import find
from devices.links.lines import Lines
from devices.reading import Command
from edge.capture import CaptureLine
from edge.config.load import ConfigError, load
from edge.engine import Answer
from edge.event import Event
from edge.handed import Handed
from edge.isolation import isolated

if TYPE_CHECKING:
    from edge.ops.publisher import Publisher
    from edge.runtime import Runtime

_LONGEST_CAPTURE_S: Final = 3600.0
_ANSWERED_FIRST_S: Final = 1.0
_ENDS_WITHIN_S: Final = 5.0
_RESTARTS_ITSELF: Final = "terminal"


class Operations:
    """Runs the devices' tasks and answers every request."""

    def __init__(self, runtime: Runtime, lines: Lines, tasks: asyncio.TaskGroup) -> None:
        self._runtime, self._lines, self._tasks = runtime, lines, tasks
        self._devices: dict[str, asyncio.Task[None]] = {}
        self._taps: dict[str, tuple[Callable[[], None], float]] = {}  # devices that are captured: how that ends, and when
        self._verbs: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Answer]]] = {
            "restart_device": self._restart,
            "capture": self._capture,
            "reload": self._reload,
        }

    def begin(self, device: str) -> None:
        """Run a device's driver from now on."""
        config = self._runtime.config
        handed, driver = Handed(device, self._runtime.engine, self._lines), find(config.drivers[device])
        run = isolated(device, lambda: driver.run(config.settings[device], handed), handed.measured)
        self._devices[device] = self._tasks.create_task(run, name=device)

    async def ask(self, verb: str, arguments: Mapping[str, Any], by: str) -> Answer:
        """Do what is asked; whatever comes of it is an event."""
        if verb not in self._verbs:
            return await self._runtime.engine.ask(verb, arguments, by)
        answer = await self._verbs[verb](arguments)
        data = {"verb": verb, "by": by, "status": answer.status, "error": answer.error}
        self._runtime.engine.tell(Event("request.answered", self._runtime.clock.now(), data))
        return answer

    async def _restart(self, arguments: Mapping[str, Any]) -> Answer:
        device = str(arguments.get("device"))
        if device not in self._devices:
            return Answer("error", error=f"no device is called {device!r}; there are {', '.join(self._devices)}")
        if self._runtime.config.drivers[device] == _RESTARTS_ITSELF:
            until = self._runtime.clock.now() + 120
            why = {"zh-CN": "人工请求重启", "en": "a person asked for a restart"}
            self._runtime.engine.mailboxes[device].put(Command("restart", True, device=device, why=why, until=until))
        else:
            ended = self._devices[device]
            ended.cancel()
            await asyncio.wait({ended}, timeout=_ENDS_WITHIN_S)  # what it had not done with is handed to the next
            self.begin(device)
        return Answer("ok")

    async def _capture(self, arguments: Mapping[str, Any]) -> Answer:
        device, seconds = str(arguments.get("device")), arguments.get("seconds", 60)
        if device not in self._devices:
            return Answer("error", error=f"no device is called {device!r}; there are {', '.join(self._devices)}")
        if not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_CAPTURE_S:
            return Answer("error", error=f"seconds is a number up to {_LONGEST_CAPTURE_S:.0f}")
        publisher = self._runtime.publisher
        if publisher is None:
            return Answer("error", error="topics are switched off in the branch's file, so that nothing could be captured to")

        self._tap(device, float(seconds), publisher)
        return Answer("ok", data={"topic": f"capture/{device}", "seconds": seconds})

    def _tap(self, device: str, seconds: float, publisher: Publisher) -> None:
        """Publish what the device says for so long; of two who ask each hears it once, until the later end."""

        def heard(wire: str, topic: str | None, received: bytes, t: float, devices: list[str]) -> None:
            if device in devices:
                publisher.raw(f"capture/{device}", msgspec.json.encode(CaptureLine.of(wire, topic, received, t)))

        loop = asyncio.get_running_loop()
        stop, until = self._taps.get(device) or (self._lines.tap(heard), loop.time())
        if (later := loop.time() + seconds) > until:
            self._taps[device] = stop, later
            loop.call_at(later, self._untap, device)

    def _untap(self, device: str) -> None:
        stop, until = self._taps[device]
        if until <= asyncio.get_running_loop().time() + 0.01:
            del self._taps[device]
            stop()

    async def _reload(self, _: Mapping[str, Any]) -> Answer:
        try:
            await asyncio.to_thread(load, self._runtime.config.path)
        except ConfigError as error:
            return Answer("error", error=str(error))
        asyncio.get_running_loop().call_later(_ANSWERED_FIRST_S, self._runtime.reload.set)  # the answer goes out first
        return Answer("ok")
