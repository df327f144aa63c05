"""What the file says of the branch's own broker and wires, as the links take it."""

from __future__ import annotations

from collections.abc import Callable

from devices.links.broker import Broker
from devices.links.lines import Lines
from edge.config.load import Config


def branch_broker(config: Config) -> Broker:
    """The branch's own broker."""
    mqtt = config.document.mqtt
    ca_file = config.folder / mqtt.ca_file if mqtt.ca_file else None
    return Broker.of(mqtt.url, username=mqtt.user, password=mqtt.password, ca_file=ca_file)


def lines_of(config: Config, client_id: str, now: Callable[[], float], *, keeps_session: bool = True) -> Lines:
    """All wires of the branch, none of them open yet."""
    mqtt = config.document.mqtt
    ca_file = config.folder / mqtt.ca_file if mqtt.ca_file else None
    broker = {"mqtt_url": mqtt.url, "username": mqtt.user, "password": mqtt.password}
    return Lines(**broker, ca_file=ca_file, client_id=client_id, keeps_session=keeps_session, now=now)
