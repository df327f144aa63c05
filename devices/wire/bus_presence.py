"""Presence on the counter bus: who answers the roll call, told for each counter and for the bus as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from devices.driver import Branch, text
from devices.reading import Text
from devices.wire.roll_call import RollCall
from devices.wire.troubles import Troubles


class BusPresence:
    """What is known of the addresses in `counters` (address -> counter), from calls and from all that they say."""

    def __init__(self, branch: Branch, counters: Mapping[int, str]) -> None:
        self._counters = counters
        self._roll = RollCall(counters)
        self._bus = Troubles(branch)
        self._counter = {counter: Troubles(branch, part=counter) for counter in counters.values()}
        self._listening: dict[int, asyncio.Event] = {}

    def listen(self, address: int) -> asyncio.Event:
        """Set when `address` is heard next."""
        self._listening[address] = asyncio.Event()
        return self._listening[address]

    def heard(self, address: int) -> bool:
        """A frame came from `address`; whether it is back from being gone, or heard for the first time."""
        if address in self._listening:
            self._listening.pop(address).set()
        back = self._roll.heard(address)
        if back:
            self._counter[self._counters[address]].ended(str(address))
        self._bus.ended("busy", *([] if self._roll.gone else ["gone"]))
        self._tell_gone()
        return back

    def unanswered(self, address: int) -> None:
        """`address` did not answer a call; by the third it is gone."""
        self._listening.pop(address, None)
        if self._roll.unanswered(address):
            self._counter[self._counters[address]].began(str(address), "offline", _gone([address]))
            self._tell_gone()

    def _tell_gone(self) -> None:
        if gone := self._roll.gone:
            if self._roll.there or len(gone) < len(self._counters):
                self._bus.began("gone", "faulty", _gone(gone))
            else:
                self._bus.began("gone", "offline", _NOBODY)

    def busy(self) -> None:
        """The line does not fall quiet."""
        self._bus.began("busy", "faulty", _BUSY)

    def hears_itself(self, *, expected: bool) -> None:
        """What only we say came in."""
        if not expected and "echoes" not in self._bus:
            self._bus.began("echoes", "faulty", _HEARS_ITSELF)


def _gone(addresses: list[int]) -> Text:
    listed = ", ".join(map(str, sorted(addresses)))
    return text(
        f"address {listed} on the counter bus does not answer: check its power and its plug",
        f"叫号总线地址 {listed} 无应答：请检查设备电源和接线",
    )


_NOBODY = text(
    "nobody on the counter bus answers: check the converter, wires A and B, and the bus's power",
    "叫号总线上所有设备均无应答：请检查转换器、A/B 线和总线电源",
)
_BUSY = text(
    "somebody on the counter bus speaks without a pause: unplug the devices in turn, and check the termination",
    "叫号总线上有设备持续发送：请逐个断开设备排查，并检查终端电阻",
)
_HEARS_ITSELF = text(
    "the adapter of the counter bus hears what it says itself: set `echoes: true`",
    "叫号总线转换器会收到自己发出的数据：请设置 `echoes: true`",
)
