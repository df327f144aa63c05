"""Roll call: which of the addresses on a line answer when they are asked whether they are there; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_UNANSWERED_IS_GONE: Final = 3


class RollCall:
    """Counts unanswered calls; an address is unknown until it was heard or has missed three."""

    def __init__(self, addresses: Iterable[int]) -> None:
        self._unanswered = dict.fromkeys(addresses, 0)
        self._there: dict[int, bool] = {}

    def heard(self, address: int) -> bool:
        """It spoke; whether it is back from being gone (or heard for the first time)."""
        self._unanswered[address] = 0
        back = not self._there.get(address, False)
        self._there[address] = True
        return back

    def unanswered(self, address: int) -> bool:
        """It was asked and said nothing; whether it is gone by that."""
        self._unanswered[address] += 1
        gone = self._unanswered[address] == _UNANSWERED_IS_GONE
        if gone:
            self._there[address] = False
        return gone

    @property
    def gone(self) -> list[int]:
        """Those known not to be there."""
        return [address for address, there in self._there.items() if not there]

    @property
    def there(self) -> list[int]:
        """Those heard since they were last gone."""
        return [address for address, there in self._there.items() if there]
