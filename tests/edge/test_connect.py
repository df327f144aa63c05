"""`check --connect`: who answers, who is silent, whose line is away; nothing is acknowledged, and no session stays at the broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.cli import main
from edge.config.load import load
from edge.connect import tried
from tests.conftest import Mosquitto
from tests.daemon import Adapter, Ear, listening

TICKET = {"ticket": "A001", "service": "cash", "class": "normal", "print": "ok", "seq": 1}


@contextmanager
def speaking(line: Adapter, ear: Ear) -> Iterator[None]:
    """A queue sensor on a line and a ticket machine at the broker that say the same again and again."""
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(0.05):
            line.say(b"$QUEUE,hall,7,95*4F\r\n")
            ear.say("bank/tickets/ticket", TICKET)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


def test_each_device_is_a_line(tmp_path: Path, mosquitto: Mosquitto) -> None:
    alive, silent = Adapter(tmp_path / "alive"), Adapter(tmp_path / "silent")
    alive.plug()
    silent.plug()
    file = tmp_path / "branch.yaml"
    file.write_text(
        f"""
branch: {{id: b}}
mqtt: {{url: "{mosquitto.url}"}}
services: {{cash: {{prefix: A}}}}
devices:
  alive: {{driver: queue_sensor, link: {{serial: {alive.path}}}}}
  silent: {{driver: beam_counter, link: {{serial: {silent.path}}}}}
  gone: {{driver: queue_sensor, link: {{serial: {tmp_path}/gone}}}}
  tickets: {{driver: ticket_machine, link: {{mqtt: bank/tickets}}}}
cameras:
  blind: {{url: {tmp_path}/none.mp4}}
""",
        encoding="utf-8",
    )
    with listening(mosquitto.port) as ear, speaking(alive, ear):
        ear.ready()
        answers = asyncio.run(tried(load(file), 2.0))
        assert not [topic for topic, _ in ear.came if topic == "bank/tickets/ack"]
    assert {device: answered for device, (answered, _) in answers.items()} == {
        "alive": True, "silent": False, "gone": False, "tickets": True, "blind": False,
    }  # fmt: skip
    assert answers["alive"][1] == "heard waiting 7"
    assert answers["silent"][1] == "nothing heard in 2 s"
    assert answers["gone"][1].startswith("offline: line ")
    assert answers["tickets"][1] == "heard ticket.issued"
    assert answers["blind"][1].startswith("offline: there is no such file")
    alive.unplug()
    silent.unplug()


def test_a_broker_that_is_away_is_said_of_each_device(
    tmp_path: Path, free_port: Callable[[], int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.connect.tried.__defaults__", (1.0,))
    file, url = tmp_path / "branch.yaml", f"mqtt://127.0.0.1:{free_port()}"
    devices = "{vtm: {driver: terminal, link: {mqtt: vtm}}}"
    file.write_text(f"branch: {{id: b}}\nmqtt: {{url: '{url}'}}\ndevices: {devices}\n", encoding="utf-8")
    assert main(["check", str(file), "--connect"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "branch.yaml: sound; 1 devices, 0 cameras"
    assert said[1:] == [f"NOT vtm: offline: {url} refuses the connection; is the broker running, and the port right?"]
