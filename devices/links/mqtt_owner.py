"""The owner of the one connection to the devices' broker: who wants which topic, and what is not acknowledged yet."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar

import aiomqtt
import paho.mqtt.client as paho

from devices.driver import DriverError, LinkDownError
from devices.links.audience import Audience
from devices.links.broker import stay_connected
from devices.links.mqtt_connection import Connection, down
from devices.links.seat import Delivery, Message, Seat
from devices.links.wire import Holder, Presence, Site

_LOG = logging.getLogger(__name__)

WIRE: Final = "mqtt"
_SETTLES_WITHIN_S: Final = 30.0  # after the start the broker hands out what it kept, perhaps before its device has subscribed
_MOST_KEPT: Final = 2_000  # messages; twice what a broker set up as ours hands out unacknowledged
_MOST_KEPT_BYTES: Final = 1 << 25
_FILTERS_A_PACKET: Final = 100


class _Settings(Protocol):
    @property
    def mqtt(self) -> str: ...


class _Link(Protocol):
    @property
    def seat(self) -> Seat: ...


K = TypeVar("K", bound=_Link)


class MqttOwner(Generic[K]):
    """Stays connected, hands every message to each device that wants it once, and acknowledges what all of them are done with."""

    def __init__(self, site: Site, link: Callable[[str, Seat, MqttOwner[K]], K]) -> None:
        if site.broker is None:
            raise DriverError("a device speaks MQTT but no broker is given; write `mqtt: {url: mqtt://host:1883}` in branch.yaml")
        self._broker = site.broker
        self._site = site
        self._link = link
        self._presence = Presence(WIRE)
        self._seats: dict[tuple[str, str], Seat] = {}
        self._audience: Audience[Seat] = Audience()
        self._former_filters: set[str] = set()
        self._numbers = itertools.count(1)
        self._kept = 0
        self._kept_bytes = 0
        self._unclaimed: list[Delivery] = []
        self._settled = False
        self._next: Connection | None = None
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Stay connected until cancelled."""
        settling = asyncio.get_running_loop().call_later(_SETTLES_WITHIN_S, self._settle)
        try:
            clean, away = not self._site.keeps_session, self._presence.away
            await stay_connected(self._broker, self._site.client_id, self._use, away=away, clean_session=clean, prepare=self._prepare)
        finally:
            settling.cancel()

    def hold(self, settings: _Settings, holder: Holder) -> K:
        """A link of the device; what it had not done with when it gave its last one back is handed to this one."""
        seat = self._seats.setdefault((holder.device, settings.mqtt), Seat(holder.device, self._done))
        seat.sit()
        self._presence.join(holder, there=self._connection is not None)
        return self._link(settings.mqtt, seat, self)

    def release(self, link: K, holder: Holder) -> None:
        """The device's place is kept: it may only be restarting."""
        link.seat.rise()
        self._presence.leave(holder)

    async def forget(self, device: str) -> None:
        """The device is gone for good: nobody wants its topics any more."""
        for key, seat in list(self._seats.items()):
            if seat.device == device and not seat.attended:
                del self._seats[key]
                self._former_filters |= {name for name in seat.filters if not self._audience.discard(name, seat)}
                for delivery in seat.clear():
                    self._done(delivery)
        if self._connection:
            with contextlib.suppress(LinkDownError):  # then with the next connection
                await self._connection.until_lost(self._unsubscribe(self._connection))

    async def subscribe(self, seat: Seat, filters: Iterable[str]) -> None:
        """Ask for filters on behalf of a seat; see `MqttLink.subscribe`."""
        names = [_checked(name) for name in filters]
        for name in names:
            seat.filters.add(name)
            self._audience.add(name, seat)
        self._former_filters.difference_update(names)
        self._claim(seat)
        if self._connection is None:
            return
        try:
            refused = await self._connection.until_lost(_subscribe(self._connection.client, names))
        except LinkDownError:
            return  # renewed with the next connection
        if refused:
            raise DriverError(f"the broker refuses the topics {', '.join(refused)}; allow user {self._broker.username} to read them")

    async def publish(self, topic: str, payload: bytes | str, *, qos: int, retain: bool) -> None:
        """See `MqttLink.publish`."""
        if self._connection is None:
            raise down()
        try:
            await self._connection.until_lost(self._connection.client.publish(topic, payload, qos=qos, retain=retain))
        except ValueError as error:
            raise DriverError(f"{topic!r} is no topic to publish to: {error}") from error

    def _prepare(self, client: aiomqtt.Client) -> None:
        self._next = Connection(client, self._arrived)

    async def _use(self, client: aiomqtt.Client) -> None:
        self._connection = connection = self._next or Connection(client, self._arrived)
        try:
            await self._renew(connection)
            self._presence.back()
            await asyncio.Event().wait()
        finally:
            self._connection = None
            connection.lost.set()
            self._disconnected()

    async def _renew(self, connection: Connection) -> None:
        await self._unsubscribe(connection)
        names = sorted(self._audience)
        for start in range(0, len(names), _FILTERS_A_PACKET):
            for name in await _subscribe(connection.client, names[start : start + _FILTERS_A_PACKET]):
                _LOG.warning("the broker refuses the topics %s; allow user %s to read them", name, self._broker.username)

    async def _unsubscribe(self, connection: Connection) -> None:
        if self._former_filters:
            names = sorted(self._former_filters)
            await connection.client.unsubscribe(names)
            self._former_filters.difference_update(names)

    def _disconnected(self) -> None:
        for seat in self._seats.values():
            seat.disconnected()
        unclaimed, self._unclaimed = self._unclaimed, []
        for delivery in unclaimed:
            delivery.entry = None
            self._done(delivery)

    def _arrived(self, connection: Connection, arrived: paho.MQTTMessage) -> None:
        try:
            topic = arrived.topic
        except UnicodeDecodeError:
            topic = ""  # no topic at all, and nobody's
        seats = self._audience.of(topic)
        payload, number = bytes(arrived.payload), next(self._numbers) if arrived.qos else 0
        message = Message(topic, payload, arrived.retain, number)
        if not arrived.qos:
            for seat in seats:
                seat.put(Delivery(message, None))
        elif not self._take(connection, message, arrived, seats):
            return
        self._site.heard(WIRE, topic, payload, [seat.device for seat in seats])

    def _take(self, connection: Connection, message: Message, arrived: paho.MQTTMessage, seats: list[Seat]) -> bool:
        """Keep a message until it is acknowledged; False when there is no room, and it must come again later."""
        if connection.overflowed or self._kept >= _MOST_KEPT or self._kept_bytes >= _MOST_KEPT_BYTES:
            connection.overflowed = True
            return False
        unclaimed = not seats and not self._settled
        entry = connection.ledger.arrived(arrived.mid, len(seats) + unclaimed)
        for seat in seats:
            if not (arrived.dup and seat.adopt(message.topic, message.payload, entry)):
                self._keep(message)
                seat.put(Delivery(message, entry))
        if unclaimed:
            self._keep(message)
            self._unclaimed.append(Delivery(message, entry))
        return True

    def _keep(self, message: Message) -> None:
        self._kept += 1
        self._kept_bytes += len(message.payload)

    def _done(self, delivery: Delivery) -> None:
        self._kept -= 1
        self._kept_bytes -= len(delivery.message.payload)
        connection = self._connection or self._next
        if connection and delivery.entry:
            connection.ledger.done(delivery.entry)
            if connection.overflowed and not len(connection.ledger):
                connection.end()

    def _claim(self, seat: Seat) -> None:
        """Hand over what came before the device subscribed."""
        unclaimed, self._unclaimed = self._unclaimed, []
        for delivery in unclaimed:
            if seat in self._audience.of(delivery.message.topic):
                seat.put(delivery)
            else:
                self._unclaimed.append(delivery)

    def _settle(self) -> None:
        """All devices have subscribed by now; what nobody wants is acknowledged."""
        self._settled = True
        unclaimed, self._unclaimed = self._unclaimed, []
        for delivery in unclaimed:
            self._done(delivery)


def _checked(name: str) -> str:
    try:
        return str(aiomqtt.Wildcard(name))
    except (TypeError, ValueError) as error:
        raise DriverError(f"{name!r} is no topic filter; `+` stands for one level, `#` for all below and only at the end") from error


async def _subscribe(client: aiomqtt.Client, names: list[str]) -> list[str]:
    """Those of the filters that the broker refuses."""
    if not names:
        return []
    granted: Iterable[Any] = await client.subscribe([(name, 1) for name in names])
    return [name for name, code in zip(names, granted, strict=True) if code.value >= 0x80]
