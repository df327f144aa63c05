"""Terminals over MQTT (format J): heartbeats, faults, restarts, a last will, and commands that they answer."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from devices.simulated.clock import Clock
from devices.simulated.faults import Faults
from devices.simulated.mqtt_client import MqttClient
from devices.simulated.truth import Obeyed, TerminalFault

_FAULTS: Final = ("CARD_JAM", "PRINTER_ERROR", "CASH_LOW", "READER_DIRTY", "NETWORK_SLOW")
_FAULT_A_USE: Final = 0.15
_FULL_PAPER_USES: Final = 250
_REPAIRED_AFTER_S: Final = 1800.0  # of the day's time: a person came


class Terminal:
    """One terminal at `prefix`; it breaks now and then when used, and is repaired by a person or a restart."""

    def __init__(
        self,
        url: str,
        prefix: str,
        kind: str,
        clock: Clock,
        broke: Callable[[TerminalFault], None],
        obeyed: Callable[[Obeyed], None],
        *,
        every_s: float = 30.0,
        restart_s: float = 60.0,
        seed: int = 0,
        faults: Faults | None = None,
    ) -> None:
        self.faults = faults or Faults(seed)
        self.name = prefix.rsplit("/", 1)[-1]
        self.broken: list[str] = []
        self.uses = 0
        self._prefix, self._kind, self._clock = prefix, kind, clock
        self._broke, self._obeyed = broke, obeyed
        self._every_s, self._restart_s = every_s, restart_s
        self._random = random.Random(f"{seed} {prefix}")
        self._began, self._broke_at, self._sequence = clock.now(), 0.0, 0
        self._seen: set[str] = set()  # ids of commands, so that a repeated one is done once
        self._orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue(16)
        self._wake = asyncio.Event()
        self.network = MqttClient(
            url,
            f"simulated-{prefix.replace('/', '-')}",
            topics=(f"{prefix}/command",),
            heard=self._hear,
            will=(f"{prefix}/status", "offline"),
            connected=self._connected,
        )

    def use(self) -> None:
        """A customer has used it."""
        self.uses += 1
        if not self.broken and self._random.random() < _FAULT_A_USE:
            self.fail(self._random.choice(_FAULTS))

    def fail(self, fault: str) -> None:
        """It breaks now, and says so at once."""
        self.broken.append(fault)
        self._broke_at = self._clock.now()
        self._tell_truth()

    def repair(self) -> None:
        """It is well again."""
        self.broken.clear()
        self._tell_truth()

    def _tell_truth(self) -> None:
        self._broke(TerminalFault(self.name, tuple(self.broken), self._clock.now()))
        self._wake.set()

    async def run(self) -> None:
        """Beat, fail and obey until cancelled."""
        async with asyncio.TaskGroup() as all_:
            all_.create_task(self.network.run())
            all_.create_task(self._beat())
            all_.create_task(self._obey())

    async def _connected(self) -> None:
        await self.network.publish(f"{self._prefix}/status", "online", retain=True)
        self._wake.set()

    async def _beat(self) -> None:
        told: list[str] = []
        while True:
            self._wake.clear()
            if self.broken and self._clock.now() - self._broke_at > _REPAIRED_AFTER_S:
                self.repair()
            if self.broken and self.broken != told:
                self._sequence += 1  # without a number the same fault half an hour later could be a copy
                await self._publish("fault", {"terminal": self.name, "faults": self.broken, "seq": self._sequence})
            told = list(self.broken)
            await self._publish("heartbeat", self.heartbeat())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()

    def heartbeat(self) -> dict[str, Any]:
        """What it says of itself; numbered anew each time it is told."""
        self._sequence += 1
        paper_pct = 100 - self.uses % _FULL_PAPER_USES * 100 // _FULL_PAPER_USES
        return {
            "terminal": self.name,
            "kind": self._kind,
            "state": "out_of_service" if self.broken else "in_service",
            "faults": self.broken,
            "uses_total": self.uses,
            "paper_pct": paper_pct,
            "cash_pct": max(0, 100 - self.uses) if self._kind == "atm" else None,
            "firmware": "4.2.1",
            "uptime_s": round(self._clock.now() - self._began),
            "seq": self._sequence,
        }

    def _hear(self, _topic: str, payload: bytes) -> None:
        if not self.faults.hears():
            return
        with contextlib.suppress(msgspec.DecodeError, asyncio.QueueFull):
            order = msgspec.json.decode(payload, type=dict[str, Any])
            if (id_ := str(order.get("id", ""))) and id_ not in self._seen:
                self._orders.put_nowait(order)
                self._seen.add(id_)

    async def _obey(self) -> None:
        while True:
            order = await self._orders.get()
            verb = order.get("verb")
            known = verb in {"restart", "test_print"}
            if known:
                self._obeyed(Obeyed(self.name, str(verb), value=True, t=self._clock.now()))
            await self._publish("result", {"id": order["id"], "ok": known, "detail": "" if known else f"unknown verb {verb}"})
            if verb == "restart":
                await self._restart()

    async def _restart(self) -> None:
        """Gone without a goodbye, back with an uptime of nothing and no faults."""
        self.network.unplug()
        await asyncio.sleep(self._restart_s)
        self._began, self._sequence = self._clock.now(), 0
        if self.broken:
            self.repair()
        self.network.plug()

    async def _publish(self, what: str, said: dict[str, Any]) -> None:
        for payload in self.faults.messages(msgspec.json.encode(said)):
            await self.network.publish(f"{self._prefix}/{what}", payload)
