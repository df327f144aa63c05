"""MQTT link: topics of the devices' broker, over one connection for all devices, each message acknowledged by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol, TypeAlias

from devices.driver import LinkSettings
from devices.links.mqtt_owner import WIRE, MqttOwner
from devices.links.seat import Message, Seat
from devices.links.wire import Owner, Site

__all__ = ["Message", "MqttLink", "MqttSettings"]


class Broker(Protocol):
    """What a link asks of the owner of the connection."""

    async def subscribe(self, seat: Seat, filters: Iterable[str]) -> None: ...

    async def publish(self, topic: str, payload: bytes | str, *, qos: int, retain: bool) -> None: ...


class MqttSettings(LinkSettings["MqttLink"]):
    """`{mqtt: prefix}`: the device's own topics begin with `prefix/`."""

    mqtt: str

    def wire(self) -> str:
        return WIRE

    def terms(self) -> dict[str, object]:
        return {}

    def owner(self, site: Site) -> Owner[MqttLink]:
        return MqttOwner(site, MqttLink)


class MqttLink:
    """A device's own view of the broker."""

    Settings: TypeAlias = MqttSettings

    def __init__(self, prefix: str, seat: Seat, owner: Broker) -> None:
        self.prefix = prefix
        self.seat = seat
        self._owner = owner

    @property
    def lost(self) -> int:
        """Messages of QoS 0 that were dropped because this device read too slowly."""
        return self.seat.lost

    async def subscribe(self, *filters: str) -> None:
        """Ask for topic filters, absolute ones; kept over reconnects, so it can be called while the broker is away.

        Raises:
            DriverError: a filter is malformed, or the broker refuses it.
        """
        await self._owner.subscribe(self.seat, filters)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        return await self.seat.next()

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that the message is kept; until then it is handed out again, after a restart too."""
        self.seat.acknowledge(message.number)

    async def publish(self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False) -> None:
        """Return when the broker has taken it (QoS 1) or it is written (QoS 0).

        Raises:
            LinkDownError: the broker is away, or was lost before it answered.
        """
        await self._owner.publish(topic, payload, qos=qos, retain=retain)
