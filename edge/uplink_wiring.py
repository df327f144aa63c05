"""The line to head office wired to the branch: its brokers from the file, new epochs told, orders verified and done."""

from __future__ import annotations

import base64
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from devices.links.broker import Broker
from edge.config.load import Config
from edge.engine import Answer, Engine
from edge.event import Event, Lane
from edge.store.store import Store
from edge.uplink.envelope import Command
from edge.uplink.sender import Sender
from edge.uplink.verify import refusal

_LOG = logging.getLogger(__name__)
_REMEMBERED: Final = 10_000
Ask = Callable[[str, Mapping[str, Any], str], Awaitable[Answer]]


def uplink_of(config: Config, store: Store, engine: Engine, ask: Ask, answered: Iterable[str]) -> Sender:
    """The sender that carries this store's events to head office; `answered` are orders done before a restart."""
    line = config.document.headoffice
    if line is None:
        raise ValueError("the file has no headoffice section")
    urls = [line.url] if isinstance(line.url, str) else line.url
    ca_file, certificate_file, key_file = (
        config.folder / file if file else None for file in (line.ca_file, line.certificate_file, line.key_file)
    )
    user = line.user or (engine.plan.branch if line.password else None)
    files = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file}
    brokers = [Broker.of(url, username=user, password=line.password, **files) for url in urls]

    async def new_epoch(reason: str, again: Mapping[Lane, int]) -> None:
        await store.outbox.begin_epoch(again)
        await engine.note(Event("outbox.epoch_began", engine.clock.now(), {"reason": reason}))

    keys = {name: base64.b64decode(key) for name, key in line.signing_keys.items()}
    orders = Orders(engine.plan.branch, keys, engine, ask, answered)
    return Sender(store.outbox, brokers, engine.plan.branch, new_epoch=new_epoch, commanded=orders.commanded)


class Orders:
    """Orders of head office: verified, done once, and answered by an event."""

    def __init__(self, branch: str, keys: Mapping[str, bytes], engine: Engine, ask: Ask, answered: Iterable[str]) -> None:
        self._branch, self._keys, self._engine, self._clock, self._ask = branch, keys, engine, engine.clock, ask
        self._answered: OrderedDict[str, None] = OrderedDict.fromkeys(answered)

    async def commanded(self, command: Command) -> None:
        """Do what is ordered, or refuse it; either is the event `command.answered`."""
        if command.id in self._answered:
            return  # it is repeated until it is answered; the answer is under way
        why = refusal(command, branch=self._branch, keys=self._keys, seen=self._answered, now=self._clock.now())
        if why:
            _LOG.warning("an order of head office is refused: %s", why)
            await self._tell(command, "refused", why)
            return
        answer = await self._ask(command.verb, command.arguments, f"headoffice {command.issuer}")
        await self._tell(command, answer.status, answer.error)

    async def _tell(self, command: Command, status: str, error: str | None) -> None:
        self._answered[command.id] = None
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        data = {"id": command.id, "status": status, "verb": command.verb, "issuer": command.issuer, "error": error}
        await self._engine.note(Event("command.answered", self._clock.now(), data))
