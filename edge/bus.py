"""The board: the newest payload of every topic for people; whoever shows them is told what changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

Payload = Mapping[str, Any]


class Board:
    """Topics (without the branch's root) and their payloads; a None payload takes the topic away."""

    def __init__(self) -> None:
        self._topics: dict[str, Payload] = {}
        self._listeners: set[_Listener] = set()
        self._filled = asyncio.Event()

    def put(self, payloads: Mapping[str, Payload | None]) -> None:
        """Set what `payloads` names; what stays as it was (but for `t`) is not told again."""
        for topic, payload in payloads.items():
            if _same(self._topics.get(topic), payload):
                continue
            if payload is None:
                self._topics.pop(topic, None)
            else:
                self._topics[topic] = payload
            for listener in self._listeners:
                listener.changed[topic] = payload
                listener.woken.set()

        if self._topics:
            self._filled.set()

    async def filled(self) -> None:
        """Return when anything was ever put."""
        await self._filled.wait()

    def snapshot(self) -> dict[str, Payload]:
        """All topics as they stand."""
        return dict(self._topics)

    async def changes(self) -> AsyncGenerator[dict[str, Payload | None], None]:
        """First everything, then what changed since the last step, the newest of each topic; bounded by the topics."""
        listener = _Listener(dict(self._topics))
        self._listeners.add(listener)
        try:
            while True:
                await listener.woken.wait()
                listener.woken.clear()
                changed, listener.changed = listener.changed, {}
                if changed:
                    yield changed
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self, changed: Mapping[str, Payload | None]) -> None:
        self.changed = dict(changed)
        self.woken = asyncio.Event()
        self.woken.set()


def _same(before: Payload | None, after: Payload | None) -> bool:
    if before is None or after is None:
        return before is after
    return {**before, "t": None} == {**after, "t": None}
