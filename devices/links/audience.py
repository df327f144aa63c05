"""Audience: who wants which topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from paho.mqtt.matcher import MQTTMatcher

W = TypeVar("W")


class Audience(Generic[W]):
    """Topic filters and who asked for them; matching as in MQTT 3.1.1 (4.7), by paho's tree of levels."""

    def __init__(self) -> None:
        self._tree = MQTTMatcher()  # type: ignore[no-untyped-call] # paho's is not annotated
        self._filters: dict[str, list[W]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._filters)

    def add(self, name: str, who: W) -> None:
        """`who` wants the filter `name`."""
        wanting = self._filters.setdefault(name, [])
        if who not in wanting:
            wanting.append(who)
        self._tree[name] = wanting

    def discard(self, name: str, who: W) -> bool:
        """`who` does not want it any more; whether anybody still does."""
        wanting = self._filters.get(name, [])
        if who in wanting:
            wanting.remove(who)
            if not wanting:
                del self._filters[name]
                del self._tree[name]  # type: ignore[no-untyped-call]
        return bool(wanting)

    def of(self, topic: str) -> list[W]:
        """Who wants `topic`, each once however many filters match."""
        return list(dict.fromkeys(who for wanting in self._tree.iter_match(topic) for who in wanting))  # type: ignore[no-untyped-call]
