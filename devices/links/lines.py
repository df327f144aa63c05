"""Lines: the owner of all wires in the process; devices on the same wire share it, and it is closed after the last of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from devices.driver import DriverError, LinkSettings
from devices.links.broker import Broker
from devices.links.wire import Holder, Owner, Site
from devices.reading import Sample

L = TypeVar("L")

Listener = Callable[[str, str | None, bytes, float, list[str]], None]
"""Told what came in: the wire, the topic where there is one, the bytes, unix time in seconds, and the devices it was handed to."""


class _Wire:
    """A wire in use: its owner, the task that keeps it open, and who holds it on which terms."""

    def __init__(self, owner: Owner[Any], task: asyncio.Task[None], terms: Mapping[str, object]) -> None:
        self.owner = owner
        self.task = task
        self.terms = terms
        self.devices: list[str] = []


class Lines:
    """All wires of the process; leaving the context closes them within a second.

    Who only listens for a while (capture, a check) sets `keeps_session` to False, lest the broker keeps messages for it for ever.
    """

    def __init__(
        self,
        *,
        mqtt_url: str | None = None,
        client_id: str = "smartbranch",
        username: str | None = None,
        password: str | None = None,
        ca_file: Path | None = None,
        keeps_session: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        broker = Broker.of(mqtt_url, username=username, password=password, ca_file=ca_file) if mqtt_url else None
        self._site = Site(self._heard, broker, f"{client_id}-devices", keeps_session)
        self._now = now
        self._wires: dict[str, _Wire] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._holders: dict[str, Holder] = {}
        self._listeners: list[Listener] = []
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for wire in self._wires.values():
            wire.task.cancel()
        cancelled = (kind, error, trace) if isinstance(error, asyncio.CancelledError) else (None, None, None)
        await self._tasks.__aexit__(*cancelled)  # any other error of whoever uses the lines is theirs, and stays as it is

    @contextlib.asynccontextmanager
    async def open(self, settings: LinkSettings[L], device: str, told: Callable[[Sample], None]) -> AsyncIterator[L]:
        """The link for a device; `told` hears that the device is offline while the wire is away, and online once it is back.

        Raises:
            DriverError: another device uses the wire with other settings.
        """
        name = settings.wire()
        wire = self._wires.get(name) or self._begin(name, settings)
        _agree(name, wire, settings, device)
        holder = self._holders.setdefault(device, Holder(device))
        begins_anew, holder.told = holder.is_away and holder.told != told, told
        link: L = wire.owner.hold(settings, holder)
        if begins_anew:
            holder.remind()
        wire.devices.append(device)
        try:
            yield link
        finally:
            wire.owner.release(link, holder)
            wire.devices.remove(device)
            if not wire.devices and self._wires.get(name) is wire:
                del self._wires[name]
                wire.task.cancel()

    def _begin(self, name: str, settings: LinkSettings[Any]) -> _Wire:
        owner = self._owner(settings)
        task = self._tasks.create_task(_run(owner, self._closing.get(name)), name=name)
        self._closing[name] = task
        self._wires[name] = _Wire(owner, task, settings.terms())
        return self._wires[name]

    def _owner(self, settings: LinkSettings[Any]) -> Owner[Any]:
        return settings.owner(self._site)

    async def forget(self, device: str) -> None:
        """The device is taken out of the configuration: what was kept for it in case it comes back goes, its messages unheard."""
        self._holders.pop(device, None)
        for wire in list(self._wires.values()):
            await wire.owner.forget(device)

    def tap(self, listener: Listener) -> Callable[[], None]:
        """Let `listener` hear all that comes in, until what this returns is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _heard(self, wire: str, topic: str | None, received: bytes, devices: list[str]) -> None:
        for listener in list(self._listeners):
            listener(wire, topic, received, self._now(), devices)


async def _run(owner: Owner[Any], before: asyncio.Task[None] | None) -> None:
    """Keep the wire open, from when whoever had it before has closed it."""
    if before is not None:
        await asyncio.wait({before})
    await owner.run()


def _agree(name: str, wire: _Wire, settings: LinkSettings[Any], device: str) -> None:
    terms = settings.terms()
    keys = [key for key in {**wire.terms, **terms} if wire.terms.get(key) != terms.get(key)]
    if keys:
        others = ", ".join(dict.fromkeys(wire.devices))
        mine, theirs = (", ".join(f"{key} {of.get(key)}" for key in keys) for of in (terms, wire.terms))
        raise DriverError(f"{name}: {device} wants {mine}, but {others} has it with {theirs}; a wire has one setting for all")
