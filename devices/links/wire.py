"""Wire: what the owners of all kinds of wires have in common: their holders, and telling them when the wire goes and comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from devices.driver import LinkDownError
from devices.reading import Sample, Text

if TYPE_CHECKING:
    from devices.links.broker import Broker
    from devices.links.byte_wire import Dial

_LOG = logging.getLogger(__name__)

Heard = Callable[[str, str | None, bytes, list[str]], None]
"""Told what came in: the wire, the topic where there is one, the bytes, and the devices it was handed to."""


class Site(msgspec.Struct, frozen=True):
    """What an owner needs to know of this process: the devices' broker, who it is there, and who listens along."""

    heard: Heard
    broker: Broker | None = None
    client_id: str = "smartbranch-devices"
    keeps_session: bool = True  # whether the broker keeps messages while this process is away
    dial: Callable[[str], Dial] | None = None  # how byte wires are opened by name, instead of the hardware: a recording


class Holder:
    """A device that holds links; it is offline while any of its wires is away, and is told so once."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.told: Callable[[Sample], None] = lambda _: None
        self._away: dict[str, Text] = {}

    @property
    def is_away(self) -> bool:
        """Whether the device was told that a wire of its is away, and not that it is back."""
        return bool(self._away)

    def remind(self) -> None:
        """A driver that begins anew hears what the one before was told of a wire that is still away."""
        if self._away:
            self.told(Sample("state", "offline", reason=next(iter(self._away.values()))))

    def away(self, wire: str, reason: Text) -> None:
        """The wire is away; `reason` says what to do."""
        if wire not in self._away:
            self._away[wire] = reason
            self.told(Sample("state", "offline", reason=reason))

    def back(self, wire: str) -> None:
        """The wire is there; of several another may still be away."""
        if self._away.pop(wire, None) is not None:
            left = next(iter(self._away.values()), None)
            self.told(Sample("state", "offline", reason=left) if left else Sample("state", "online"))


L = TypeVar("L")
R = TypeVar("R")


class Owner(Protocol[L]):
    """The one in the process that has a wire open, for as long as any device holds it."""

    async def run(self) -> None:
        """Keep the wire open until cancelled; never ends by itself."""
        ...

    def hold(self, settings: Any, holder: Holder, /) -> L:
        """A link of the device's own, by the settings that this is the owner of; a device may hold several."""
        ...

    def release(self, link: L, holder: Holder, /) -> None:
        """The device gives a link back."""
        ...

    async def forget(self, device: str) -> None:
        """The device is gone for good: whatever is kept for it may go."""
        ...


class Presence:
    """Whether a wire is there; logs once and tells each holder once when it goes, and when it is back."""

    def __init__(self, wire: str) -> None:
        self.wire = wire
        self._holders: list[Holder] = []
        self._reason: Text | None = None

    @property
    def devices(self) -> list[str]:
        """Who holds the wire just now."""
        return list(dict.fromkeys(holder.device for holder in self._holders))

    def join(self, holder: Holder, *, there: bool) -> None:
        """A device begins to hold the wire; it hears at once how the wire is."""
        self._holders.append(holder)
        if self._reason is not None:
            holder.away(self.wire, self._reason)
        elif there:
            holder.back(self.wire)

    def leave(self, holder: Holder) -> None:
        """A device gives one of its holds back."""
        self._holders.remove(holder)

    def away(self, reason: Text) -> None:
        """The wire cannot be opened, or was lost."""
        if self._reason is not None:
            return
        self._reason = reason
        _LOG.warning("%s is away: %s", self.wire, reason["en"])
        for holder in list(self._holders):
            holder.away(self.wire, reason)

    def back(self) -> None:
        """The wire is open."""
        if self._reason is not None:
            _LOG.info("%s is back", self.wire)
        self._reason = None
        for holder in list(self._holders):
            holder.back(self.wire)


async def until_lost(lost: asyncio.Event, down: LinkDownError, work: Coroutine[Any, Any, R]) -> R:
    """What `work` returns.

    Raises:
        LinkDownError: `down`, when the wire is lost before.
    """
    working, losing = asyncio.ensure_future(work), asyncio.ensure_future(lost.wait())
    try:
        await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
    finally:
        working.cancel()
        losing.cancel()
        await asyncio.wait({working, losing})
        if not working.cancelled():
            working.exception()  # has been seen, whichever came first
    raise down
