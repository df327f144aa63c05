"""Every request of a running daemon: answered with ok or what to do instead, done once, and an event."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.ops.requests import VERBS
from tests.conftest import Mosquitto
from tests.daemon import Adapter, Daemon, Ear, listening, running, until
from tests.test_daemon import DEVICES, begun, branch, is_online, issue, people_stand, queue_sensor, until_people_stand

SMARTBRANCH = [sys.executable, "-m", "edge.cli"]
HOUR_LATER = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
GOOD: dict[str, dict[str, Any]] = {
    "open_counter": {"counter": "1"},
    "issue_ticket": {"service": "cash", "class": "normal"},
    "call_next": {"counter": "1"},
    "recall": {"counter": "1"},
    "transfer": {"counter": "1", "service": "loans"},
    "no_show": {"counter": "1"},
    "pause_counter": {"counter": "1"},
    "close_counter": {"counter": "1"},
    "set_climate": {"zone": "hall", "quantity": "light_pct", "value": 55, "until": HOUR_LATER},
    "release_climate": {"zone": "hall", "quantity": "light_pct"},
    "acknowledge_alert": {"alert": "device-vtm", "by": "Li"},
    "restart_device": {"device": "air"},
    "capture": {"device": "air", "seconds": 5},
    "reload": {},
}
BAD: dict[str, dict[str, Any]] = {
    "issue_ticket": {"service": "gold"},
    "set_climate": {"zone": "attic", "quantity": "light_pct", "value": 1},
    "release_climate": {"zone": 7},
    "acknowledge_alert": {"alert": "none-such"},
    "restart_device": {"device": "none-such"},
    "capture": {"device": "air", "seconds": "long"},
} | {verb: {"counter": ["9"]} for verb in ("open_counter", "call_next", "recall", "transfer", "no_show", "pause_counter", "close_counter")}


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    with listening(mosquitto.port) as ear:
        ear.ready()
        yield ear


def test_every_verb_is_tried_here() -> None:
    assert set(GOOD) == set(VERBS)
    assert set(BAD) == set(VERBS) - {"reload"}


def test_every_request_is_answered_done_once_and_an_event(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    with running(Daemon(tmp_path, branch(mosquitto.port))) as daemon:
        begun(mosquitto, ear)
        ear.say("bank/vtm/heartbeat", {"terminal": "vtm", "kind": "vtm", "state": "out_of_service", "faults": ["JAM"], "seq": 1})
        ear.until("alert/device-vtm", lambda told: told["severity"])
        for verb, arguments in BAD.items():
            answer = ear.ask(verb, **arguments)
            assert (answer["status"], bool(answer["error"])) == ("error", True), (verb, answer)
        for verb, arguments in GOOD.items():
            if verb == "no_show":
                ear.ask("issue_ticket", service="cash")
                ear.ask("call_next", counter="1")
            answer = ear.ask(verb, **arguments)
            assert answer["status"] == "ok", (verb, answer)
        ear.until("alert/device-vtm", lambda told: told["acknowledged_by"])
        until(lambda: set(VERBS) <= {event["verb"] for event in ear.events("request.answered")})
        until(lambda: daemon.said("mqtt is away") or ear.ask("open_counter", counter="1")["status"] == "ok")  # after the reload

        for _ in range(2):
            assert ear.ask("capture", device="air", seconds=60)["status"] == "ok"
        ear.say("sensors/air", {"temperature_c": 21.5})
        until(lambda: captured(ear))
        ear.ask("recall", counter="1")  # by now a second copy would have come
        assert len(captured(ear)) == 1

        issued = len(ear.events("ticket.issued"))
        for _ in range(3):
            ear.say("branch/b/request/issue_ticket", {"service": "cash", "transaction": "the-same"})
        answers = until(lambda: found if len(found := answered(ear, "issue_ticket", "the-same")) == 3 else None)
        assert len({answer["data"]["ticket"] for answer in answers}) == 1
        assert ear.ask("issue_ticket", service="cash")["data"]["ticket"] != answers[0]["data"]["ticket"]
        until(lambda: len(ear.events("ticket.issued")) == issued + 2)


def captured(ear: Ear) -> list[Any]:
    return [payload for topic, payload in list(ear.came) if topic == "capture/air"]


def answered(ear: Ear, verb: str, transaction: str) -> list[Any]:
    return [payload for topic, payload in list(ear.came) if topic == f"response/{verb}" and payload["transaction"] == transaction]


def test_a_file_is_read_again_where_it_is_sound_and_else_all_stays(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    daemon = Daemon(tmp_path, branch(mosquitto.port))
    with running(daemon):
        begun(mosquitto, ear)
        issue(ear, "A001")
        ear.until("queue/cash", lambda told: told["waiting"] == 1)
        daemon.write(branch(mosquitto.port, {**DEVICES, "more": {"driver": "mqtt_sensr", "link": {"mqtt": "more"}}}))
        answer = ear.ask("reload")
        assert answer["status"] == "error"
        assert "branch.yaml" in answer["error"]
        assert "did you mean 'mqtt_sensor'?" in answer["error"]
        fewer = {name: settings for name, settings in DEVICES.items() if name != "lamp"}
        more = {"driver": "mqtt_sensor", "link": {"mqtt": "more"}, "quantities": ["co2_ppm"], "zone": "hall"}
        daemon.write(branch(mosquitto.port, {**fewer, "more": more}))
        assert ear.ask("reload")["status"] == "ok"
        ear.until("device/more", lambda told: told["kind"] == "mqtt_sensor")
        until(lambda: ear.topics.get("device/lamp", "there") is None)  # what is no more is taken away
        ear.say("more", {"co2_ppm": 812})
        ear.until("climate/hall", lambda told: told["co2_ppm"] == 812)
        assert ear.topics["queue/cash"]["waiting"] == 1
        issue(ear, "A002", first=2)
        ear.until("queue/cash", lambda told: told["waiting"] == 2)


def test_a_capture_of_the_running_daemon_replays_to_the_same_events(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    with running(Daemon(tmp_path, branch(mosquitto.port))) as daemon:
        begun(mosquitto, ear)
        out = tmp_path / "tickets.jsonl"
        command = [*SMARTBRANCH, "capture", str(daemon.file), "--device", "tickets", "--out", str(out)]
        capturing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        until(lambda: any(topic == "response/capture" for topic, _ in ear.came))
        issue(ear, "A001", "L001", "A002")
        ear.say("bank/tickets/checkin", {"id": "none-such"})
        until(lambda: out.exists() and len(out.read_text("ascii").splitlines()) >= 4)
        capturing.terminate()
        said, complaints = capturing.communicate(timeout=10)
        assert (capturing.returncode, said, complaints) == (0, f"{out}: 4 lines\n", "")
        until(lambda: len(ear.events("ticket.issued")) == 3)
        made = [(topic, payload["data"]) for topic, payload in ear.came if topic.startswith("event/ticket.")]
    replay = [*SMARTBRANCH, "replay", str(daemon.file), str(out), "--json"]
    done = subprocess.run(replay, capture_output=True, text=True, check=True)
    events = json.loads(done.stdout)["events"]
    again = [(f"event/{event['type']}", event["data"]) for event in events if event["type"].startswith("ticket.")]
    assert [without_times(*event) for event in again] == [without_times(*event) for event in made]


def without_times(topic: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return topic, {key: value for key, value in data.items() if not key.endswith("_s") and key != "issued_at"}


def test_a_device_is_started_again_while_its_line_is_away_and_heals(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    line = Adapter(tmp_path / "tty")
    line.plug()
    with running(Daemon(tmp_path, branch(mosquitto.port, {**DEVICES, **queue_sensor(line)}))):
        until_people_stand(ear, line, 3)
        line.unplug()
        ear.until("device/hall-queue", lambda told: told["state"] == "offline")
        assert ear.ask("restart_device", device="hall-queue")["status"] == "ok"
        line.plug()
        ear.until("device/hall-queue", lambda told: told["state"] == "online")
        people_stand(line, 2)
        is_online(ear, "hall-queue")
    line.unplug()
