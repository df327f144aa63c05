"""Sensors, actuators and counters that publish over MQTT (format I), behind one bridge as zigbee2mqtt is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from devices.simulated.faults import Faults
from devices.simulated.mqtt_client import MqttClient

Said = Callable[[], Mapping[str, Any] | float | None]
_FULL: Final = {"brightness": 254.0, "percentage": 100.0, "position": 100.0}


class Actuator:
    """A light or fan: `/set` with its key or `state`, answered on its own topic; `obeyed(percent)` is told what it was set to."""

    def __init__(self, name: str, key: str, percent: float, obeyed: Callable[[float], None]) -> None:
        self.topic, self.percent = f"zigbee2mqtt/{name}", percent
        self._key, self._obeyed = key, obeyed

    def obey(self, said: Mapping[str, Any]) -> bool:
        """Take what a `/set` says; False where it says nothing that this one understands."""
        value, full = said.get(self._key), _FULL[self._key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            percent = 100.0 * min(full, max(0.0, value)) / full
        elif said.get("state") in {"ON", "OFF"}:
            percent = 100.0 if said["state"] == "ON" else 0.0
        else:
            return False
        self.percent = percent
        self._obeyed(percent)
        return True

    def state(self) -> dict[str, Any]:
        """What it publishes: whole steps of its own scale."""
        return {self._key: round(self.percent * _FULL[self._key] / 100), "state": "ON" if self.percent > 0 else "OFF", "linkquality": 132}


class MqttThings:
    """All of them on one connection.

    `sensors`: topic -> what it says now (None: nothing this time), told each `every_s` seconds.
    """

    def __init__(
        self, url: str, sensors: Mapping[str, Said], actuators: tuple[Actuator, ...], *, every_s: float, faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self._sensors, self._every_s = sensors, every_s
        self._actuators = {actuator.topic: actuator for actuator in actuators}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        topics = tuple(f"{topic}/set" for topic in self._actuators)
        self.network = MqttClient(url, "simulated-bridge", topics=topics, heard=self._hear, connected=self._connected)

    async def run(self) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self.network.run())
            both.create_task(self._answer())
            both.create_task(self._tell())

    async def _connected(self) -> None:
        for topic in self._actuators:
            await self.network.publish(f"{topic}/availability", '{"state":"online"}', retain=True)
        self._changed |= self._actuators.keys()
        self._wake.set()

    def _hear(self, topic: str, payload: bytes) -> None:
        actuator = self._actuators.get(topic.removesuffix("/set"))
        if actuator is None or not self.faults.hears():
            return
        with contextlib.suppress(msgspec.DecodeError):
            if actuator.obey(msgspec.json.decode(payload, type=dict[str, Any])):
                self._changed.add(actuator.topic)
                self._wake.set()

    async def _answer(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            for topic in changed:
                await self._publish(topic, self._actuators[topic].state(), retain=True)

    async def _tell(self) -> None:
        while True:
            for topic, said in self._sensors.items():
                if (now := said()) is not None:
                    await self._publish(topic, now, retain=False)
            await asyncio.sleep(self._every_s)

    async def _publish(self, topic: str, said: Mapping[str, Any] | float, *, retain: bool) -> None:
        for payload in self.faults.messages(msgspec.json.encode(said)):
            await self.network.publish(topic, payload, retain=retain)
