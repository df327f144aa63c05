"""A ticket machine that speaks MQTT (format F): it repeats a ticket until it hears the acknowledgement of its sequence number."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from devices.simulated.clock import Clock
from devices.simulated.faults import Faults
from devices.simulated.mqtt_client import MqttClient
from devices.simulated.scenario import TIMEZONE, midnight_of

_REPEAT_S: Final = 1.0
_HIGHEST: Final = 999


class Pending(msgspec.Struct):
    """Something said and not acknowledged yet; `due` is when to say it again (event loop's time)."""

    topic: str
    payload: bytes
    due: float = 0.0


class MqttTicketMachine:
    """Prints tickets at `prefix` and tells them until acknowledged; numbers begin at 1 each day, the sequence goes on.

    `acknowledged(sequence)` is told when the host has said that it keeps what was told under that number.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        clock: Clock,
        acknowledged: Callable[[int], None],
        *,
        faults: Faults | None = None,
        first_sequence: int = 1,
    ) -> None:
        self.faults = faults or Faults()
        self.pending: dict[int, Pending] = {}
        self.calls: list[Mapping[str, Any]] = []  # what the host said was called
        self._prefix = prefix
        self._clock = clock
        self._acknowledged = acknowledged
        self._sequence = first_sequence - 1
        self._numbers: dict[str, int] = {}
        self._day = 0.0
        self._unnumbered = 0  # keys of what has no sequence number, counted downwards
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()  # nothing is pending
        self._quiet.set()
        self._client = MqttClient(
            url,
            f"simulated-{prefix.replace('/', '-')}",
            topics=(f"{prefix}/ack", f"{prefix}/call", f"{prefix}/print"),
            heard=self._hear,
            will=(f"{prefix}/status", "offline"),
            connected=self._connected,
        )

    def issue(self, prefix: str, service: str, class_: str) -> tuple[str, int]:
        """Print a ticket; returns its name and the sequence number under which it is told."""
        if (midnight := midnight_of(self._clock.now())) != self._day:
            self._day, self._numbers = midnight, {}
        number = self._numbers[prefix] = self._numbers.get(prefix, 0) % _HIGHEST + 1
        ticket = f"{prefix}{number:03d}"
        told = {"ticket": ticket, "service": service, "class": class_, "issued_at": self._written(self._clock.now()), "print": "ok"}
        return ticket, self._say("ticket", told)

    def appointment(self, id_: str, service: str, from_: float, until: float) -> None:
        """Tell an appointment that was made at the desk; the broker's word is enough, for it has no number."""
        told = {"id": id_, "service": service, "class": "appointment", "from": self._written(from_), "until": self._written(until)}
        self._tell_once("appointment", told)

    def check_in(self, id_: str) -> None:
        """Tell that the customer of an appointment has come."""
        self._tell_once("checkin", {"id": id_})

    async def all_told(self) -> None:
        """Return when nothing is pending any more."""
        await self._quiet.wait()

    def restart(self) -> None:
        """As after a power failure of a machine without memory: what was not acknowledged is forgotten, the sequence begins at 1."""
        self.pending.clear()
        self._quiet.set()
        self._sequence = 0

    @property
    def network(self) -> MqttClient:
        """Its connection, to be unplugged and plugged."""
        return self._client

    async def run(self) -> None:
        """Keep the connection and repeat what is pending, until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._client.run())
            both.create_task(self._repeat())

    def _say(self, what: str, told: Mapping[str, Any]) -> int:
        self._sequence += 1
        self._keep(self._sequence, what, {**told, "seq": self._sequence})
        return self._sequence

    def _tell_once(self, what: str, told: Mapping[str, Any]) -> None:
        self._unnumbered -= 1
        self._keep(self._unnumbered, what, told)

    def _keep(self, key: int, what: str, told: Mapping[str, Any]) -> None:
        self.pending[key] = Pending(f"{self._prefix}/{what}", msgspec.json.encode(told))
        self._quiet.clear()
        self._wake.set()

    def _written(self, t: float) -> str:
        return datetime.fromtimestamp(t, TIMEZONE).isoformat(timespec="milliseconds")

    async def _connected(self) -> None:
        await self._client.publish(f"{self._prefix}/status", "online", retain=True)
        for pending in self.pending.values():
            pending.due = 0.0
        self._wake.set()

    def _hear(self, topic: str, payload: bytes) -> None:
        if not self.faults.hears():
            return
        with contextlib.suppress(msgspec.DecodeError):
            said = msgspec.json.decode(payload, type=dict[str, Any])
            if topic == f"{self._prefix}/ack":
                self._heard_acknowledgement(said.get("seq"))
            elif topic == f"{self._prefix}/call":
                self.calls.append(said)

    def _heard_acknowledgement(self, sequence: object) -> None:
        if isinstance(sequence, int) and sequence in self.pending:
            self._acknowledged(sequence)
            self._done(sequence)

    def _done(self, sequence: int) -> None:
        self.pending.pop(sequence, None)
        if not self.pending:
            self._quiet.set()

    async def _repeat(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            for key, pending in tuple(self.pending.items()):
                if pending.due <= now():
                    pending.due = now() + _REPEAT_S
                    if await self._publish(pending) and key < 0:
                        self._done(key)
            wait_s = min((pending.due - now() for pending in self.pending.values()), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if wait_s is None else max(0.02, wait_s)):
                    await self._wake.wait()

    async def _publish(self, pending: Pending) -> bool:
        told = [await self._client.publish(pending.topic, payload) for payload in self.faults.messages(pending.payload)]
        return bool(told) and all(told)
