"""The daemon under all that goes wrong around it: what is away comes back, what is garbage is told, and nothing else stops."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Mosquitto
from tests.daemon import Adapter, Daemon, Ear, listening, running, until

DEVICES: Mapping[str, Any] = {
    "tickets": {"driver": "ticket_machine", "link": {"mqtt": "bank/tickets"}},
    "air": {"driver": "mqtt_sensor", "link": {"mqtt": "sensors/air"}, "quantities": ["temperature_c", "co2_ppm"], "zone": "hall"},
    "vtm": {"driver": "terminal", "link": {"mqtt": "bank/vtm"}},
    "overhead": {"driver": "people_counter", "link": {"mqtt": "overhead"}},
    "lamp": {"driver": "mqtt_actuator", "link": {"mqtt": "zigbee2mqtt/lamp"}, "quantity": "light_pct", "zone": "hall"},
}
BRANCH: Mapping[str, Any] = {
    "branch": {"id": "b", "language": "en"},
    "zones": {"hall": {}},
    "services": {"cash": {"prefix": "A"}, "loans": {"prefix": "L"}},
    "counters": {"1": {"services": ["cash"]}, "2": {"services": ["loans", "cash"]}},
}


def branch(port: int, devices: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A branch's file: its broker at `port`, and `devices` (all that speak MQTT, unless given)."""
    return {**BRANCH, "mqtt": {"url": f"mqtt://127.0.0.1:{port}"}, "devices": devices if devices is not None else DEVICES, **more}


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    with listening(mosquitto.port) as ear:
        ear.ready()
        yield ear


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Adapter]:
    adapter = Adapter(tmp_path / "tty")
    yield adapter
    adapter.unplug()


def queue_sensor(line: Adapter) -> dict[str, Any]:
    return {"hall-queue": {"driver": "queue_sensor", "link": {"serial": str(line.path)}, "zones": {"h": "hall"}, "zone": "hall"}}


def people_stand(line: Adapter, number: int) -> None:
    """The queue sensor on the line says so."""
    body = f"QUEUE,h,{number},30".encode()
    checksum = 0
    for byte in body:
        checksum ^= byte
    line.say(b"$%s*%02X\r\n" % (body, checksum))


def until_people_stand(ear: Ear, line: Adapter, number: int) -> None:
    """The queue sensor says so again and again, as they do, until it is heard."""

    def heard() -> bool:
        people_stand(line, number)
        return bool(ear.topics.get("device/hall-queue", {}).get("state") == "online")

    until(heard, "for the queue sensor to be heard")


def issue(ear: Ear, *names: str, first: int = 1) -> None:
    """The ticket machine gives tickets out."""
    for number, name in enumerate(names, first):
        service = {"A": "cash", "L": "loans"}[name[0]]
        ear.say("bank/tickets/ticket", {"ticket": name, "service": service, "class": "normal", "print": "ok", "seq": number})


def until_two_wait(ear: Ear) -> None:
    """The second ticket is told again and again, as machines do: a broker that was killed forgets what it took."""

    def waiting() -> bool:
        issue(ear, "A002", first=2)
        return bool(ear.topics["queue/cash"]["waiting"] == 2)

    until(waiting, "for a second to wait")


def begun(broker: Mosquitto, ear: Ear) -> None:
    """Return when the daemon shows itself and hears all its devices over MQTT."""
    ear.until("status", lambda told: told["state"] == "online")
    topics = ("bank/tickets/ticket", "bank/vtm/heartbeat", "overhead", "sensors/air", "zigbee2mqtt/lamp")
    until(lambda: all(f"\t{topic} (QoS 1)" in broker.log() for topic in topics), "for the devices' topics")


def is_online(ear: Ear, device: str, limit_s: float = 30.0) -> Any:
    return ear.until(f"device/{device}", lambda told: told["state"] == "online", limit_s)


# what is away


def test_it_begins_with_everything_away_and_each_comes_back_by_itself(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto], line: Adapter, free_port: Callable[[], int]
) -> None:
    broker = start_mosquitto()
    broker.kill()
    plant = {"meter": {"driver": "modbus", "profile": "sdm120", "link": {"tcp": f"127.0.0.1:{free_port()}"}, "address": 1}}
    cameras = {"eye": {"url": str(tmp_path / "no.mp4"), "zones": {"hall": [[0, 0], [1, 0], [1, 1]]}}}
    office = {"url": f"mqtt://127.0.0.1:{free_port()}"}
    file = branch(broker.port, {**DEVICES, **queue_sensor(line), **plant}, cameras=cameras, headoffice=office)
    with running(Daemon(tmp_path, file)) as daemon:
        for what in ("tty is away", "mqtt is away", "topics:", "line to head office is away", "tcp 127.0.0.1"):
            until(lambda what=what: daemon.said(what), what)
        broker.start()
        with listening(broker.port) as ear:
            ear.until("status", lambda told: told["state"] == "online")
            away = ear.until("device/hall-queue", lambda told: told["state"] == "offline")
            assert "is the adapter plugged in?" in away["reason"]["en"]
            assert ear.until("device/meter", lambda told: told["state"] == "offline")["reason"]["en"].startswith("127.0.0.1:")
            assert ear.until("uplink", lambda told: told["state"] == "disconnected" and told["backlog"])["reason"]
            assert any("tty" in problem for problem in ear.topics["status"]["problems"])
            line.plug()
            until(lambda: daemon.said("tty is back"))
            until_people_stand(ear, line, 4)
            until(lambda: daemon.said("mqtt is back"), "for the devices' connection")
            issue(ear, "A001")
            ear.until("queue/cash", lambda told: told["waiting"] == 1)
            line.unplug()
            ear.until("device/hall-queue", lambda told: told["state"] == "offline")
            broker.kill()
            until(lambda: daemon.said("mqtt is away", 2))
            line.plug()
            until(lambda: daemon.said("tty is back", 2))
            broker.start()
            is_online(ear, "hall-queue")
            until_two_wait(ear)
        assert daemon.log.count("mqtt is away") == 2, daemon.log  # told once each time


def test_a_broker_that_refuses_the_login_is_told_once_and_heals_when_it_lets_us_in(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto], line: Adapter
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("", encoding="ascii")
    broker = start_mosquitto(f"allow_anonymous false\npassword_file {passwords}\n")
    line.plug()
    file = branch(broker.port, {**DEVICES, **queue_sensor(line)})
    with running(Daemon(tmp_path, {**file, "mqtt": {**file["mqtt"], "user": "box", "password": "geheim"}})) as daemon:
        until(lambda: daemon.said("refuses user box; check user name and password", 2))  # the devices' connection, and the topics'
        until(lambda: broker.log().count("not authorised") >= 6)
        assert daemon.log.count("refuses user box") == 2
        assert "geheim" not in daemon.log
        broker.stop()
        configuration = broker._folder / "mosquitto.conf"
        configuration.write_text(configuration.read_text("utf-8").replace("allow_anonymous false", "allow_anonymous true").replace(
            f"password_file {passwords}\n", ""), encoding="utf-8")  # fmt: skip
        broker.start()
        with listening(broker.port) as ear:
            ear.until("status", lambda told: told["state"] == "online" and not any("refuses" in one for one in told["problems"]), 40)


# the end, in every state


@pytest.mark.parametrize("after_s", [0.5, 0.9, 1.3])
def test_it_ends_at_once_in_the_middle_of_its_start(tmp_path: Path, free_port: Callable[[], int], after_s: float) -> None:
    daemon = Daemon(tmp_path, branch(free_port(), headoffice={"url": f"mqtt://127.0.0.1:{free_port()}"}))
    daemon.start()
    time.sleep(after_s)  # wherever it is then
    assert daemon.process
    began = time.monotonic()
    daemon.process.terminate()
    assert daemon.process.wait(10) in {0, -15}  # -15: it had not begun to listen for signals yet
    assert time.monotonic() - began < 5
    assert "Traceback" not in daemon.log


def test_a_second_daemon_on_one_store_says_so_and_ends(tmp_path: Path, free_port: Callable[[], int]) -> None:
    file = branch(free_port())
    with running(Daemon(tmp_path, file)) as first:
        until(lambda: (tmp_path / "store" / "branch.db").exists() and first.said("away"))
        (tmp_path / "second").mkdir()
        second = Daemon(tmp_path / "second", {**file, "store": {"folder": str(tmp_path / "store")}})
        second.start()
        assert second.process
        assert second.process.wait(20) == 1
        assert first.process
        assert second.log.splitlines()[-1].startswith(f"{tmp_path}/store: another smartbranch (process {first.process.pid}) has it;")
        assert "Traceback" not in second.log


def test_a_store_that_cannot_be_used_is_one_clear_line(tmp_path: Path, free_port: Callable[[], int]) -> None:
    (tmp_path / "store").write_text("a file where a folder should be", encoding="utf-8")
    daemon = Daemon(tmp_path, branch(free_port()))
    daemon.start()
    assert daemon.process
    assert daemon.process.wait(20) == 1
    (said,) = daemon.log.splitlines()
    assert "store/branch.db: cannot be opened" in said


# a restart at eleven


KEPT = ("queue/", "counter/", "alert/", "device/", "door/", "climate/")


def standing(ear: Ear) -> dict[str, Any]:
    """The retained state, without what is only when it was looked at."""
    return {
        topic: {key: value for key, value in payload.items() if key not in {"t", "last_seen", "longest_wait_s", "facts"}}
        for topic, payload in ear.topics.items()
        if topic.startswith(KEPT) and payload is not None
    }


def test_after_kill_9_all_is_as_it_was(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    file = branch(mosquitto.port, doors={"main": {"source": "overhead"}})
    with running(Daemon(tmp_path, file)) as daemon:
        begun(mosquitto, ear)
        issue(ear, "A001", "A002", "A003", "L001")
        ear.until("queue/cash", lambda told: told["waiting"] == 3)
        for counter in ("1", "2"):
            assert ear.ask("open_counter", counter=counter)["status"] == "ok"
            assert ear.ask("call_next", counter=counter)["status"] == "ok"
        assert ear.ask("pause_counter", counter="2")["status"] in {"ok", "error"}
        later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
        held = ear.ask("set_climate", zone="hall", quantity="light_pct", value=40, until=later)
        assert held["status"] == "ok", held
        for total in (10, 17):
            ear.say("overhead", {"line": "main", "in": total, "out": 3, "occupancy": 1})
        ear.say("bank/vtm/heartbeat", {"terminal": "vtm", "kind": "vtm", "state": "out_of_service", "faults": ["CARD_JAM"], "seq": 1})
        ear.until("device/vtm", lambda told: told["state"] not in {"unknown", "online"})
        ear.until("door/main", lambda told: told["in_today"] == 7)
        ear.until("alert/device-vtm", lambda told: told["severity"])
        before = settled(ear)
        daemon.kill()
        ear.until("status", lambda told: told["state"] == "offline", 60)  # the last will
        ear.topics.clear()
        daemon.start()
        ear.until("status", lambda told: told["state"] == "online")
        ear.say("overhead", {"line": "main", "in": 19, "out": 3, "occupancy": 1})  # two came while it was away
        ear.until("door/main", lambda told: told["in_today"] == 9)
        after = settled(ear)
    assert before["climate/hall"]["light_pct"] == after["climate/hall"]["light_pct"] == 40
    for topic, told in before.items():
        if topic.startswith(("queue/", "counter/", "alert/")):
            assert after[topic] == told, topic
    assert (after["device/vtm"]["state"], after["device/vtm"]["reason"]) == ("faulty", before["device/vtm"]["reason"])


def settled(ear: Ear) -> dict[str, Any]:
    """What stands once it has not changed for two seconds."""
    seen, since = standing(ear), time.monotonic()
    while time.monotonic() - since < 2:
        time.sleep(0.05)
        if (now := standing(ear)) != seen:
            seen, since = now, time.monotonic()
    return seen


# garbage


GARBAGE = (
    b"\xff\xfe\x00\x01",
    b"{",
    b"[]",
    b'"x"',
    b"null",
    b"1e999",
    b'{"t":',
    b"{}" * 9000,
    b'{"a":' * 5000,
    b'{"ticket":{"a":1},"seq":"x"}',
)
LISTENED = (
    "bank/tickets/ticket",
    "bank/tickets/call",
    "bank/tickets/status",
    "bank/tickets/appointment",
    "bank/tickets/checkin",
    "sensors/air",
    "bank/vtm/heartbeat",
    "bank/vtm/fault",
    "bank/vtm/result",
    "bank/vtm/status",
    "overhead",
    "zigbee2mqtt/lamp",
    "zigbee2mqtt/lamp/availability",
    "branch/b/request/call_next",
    "branch/b/request/reload",
    "branch/b/request/no-such-verb",
    "branch/b/alert/x",
)


def test_garbage_on_every_topic_is_told_and_stops_nothing(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    with running(Daemon(tmp_path, branch(mosquitto.port))) as daemon:
        begun(mosquitto, ear)
        for topic in LISTENED:
            for payload in GARBAGE:
                ear.say(topic, payload)
        for device in ("tickets", "air", "vtm", "overhead"):
            told = ear.until(f"device/{device}", lambda told: told["state"] == "faulty")
            assert "check what" in told["reason"]["en"], told
        ear.until("status", lambda told: len(told["problems"]) >= 4)
        answers = [payload for topic, payload in ear.came if topic == "response/call_next"]
        assert all(answer["status"] == "error" and answer["error"] for answer in answers)
        issue(ear, "A001")
        ear.until("queue/cash", lambda told: told["waiting"] == 1)
        ear.say("sensors/air", {"temperature_c": 22.5, "co2_ppm": 700})
        ear.until("climate/hall", lambda told: told["temperature_c"] == 22.5)
        is_online(ear, "air")
        assert ear.ask("open_counter", counter="1")["status"] == "ok"
        assert len(daemon.log.splitlines()) < 30, daemon.log


def test_zeros_without_end_on_a_line_cost_nothing_else(tmp_path: Path, mosquitto: Mosquitto, ear: Ear, line: Adapter) -> None:
    line.plug()
    with running(Daemon(tmp_path, branch(mosquitto.port, {**DEVICES, **queue_sensor(line)}))) as daemon:
        begun(mosquitto, ear)
        until_people_stand(ear, line, 3)
        before_kb, sent, number, ends = daemon.rss_kb(), 0, 0, time.monotonic() + 8
        while time.monotonic() < ends:
            sent += line.say(b"\x00" * 65_536)
            if time.monotonic() > ends - 6 + number:
                number += 1
                issue(ear, f"A{number:03d}", first=number)
                ear.until("queue/cash", lambda told, number=number: told["waiting"] == number, 5)
        assert sent > 1 << 20
        assert daemon.rss_kb() - before_kb < 20_000
        reason = ear.until("device/hall-queue", lambda told: told["state"] in {"stale", "faulty", "offline"})["reason"]["en"]
        assert reason
        until(lambda: line.say(b"\r\n") or None)
        until_people_stand(ear, line, 5)


# the clock


FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (apt install libfaketime)")
@pytest.mark.parametrize("years", [1, -1])
def test_a_clock_that_jumps_a_year_is_an_event_and_nothing_else(tmp_path: Path, mosquitto: Mosquitto, ear: Ear, years: int) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0", encoding="ascii")
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    office = {"url": mosquitto.url}
    with running(Daemon(tmp_path, branch(mosquitto.port, headoffice=office), fake)) as daemon:
        begun(mosquitto, ear)
        ear.say("sensors/air", {"temperature_c": 22.5, "co2_ppm": 700})
        issue(ear, "A001", "A002")
        ear.until("queue/cash", lambda told: told["waiting"] == 2)
        assert ear.ask("open_counter", counter="1")["status"] == "ok"
        offset.write_text(f"{years:+d}y", encoding="ascii")
        (jumped,) = until(lambda: ear.events("clock.jumped"))
        assert abs(jumped["by_s"] - years * 365 * 86_400) < 2 * 86_400
        told = ear.until("queue/cash", lambda told: told["waiting"] == 2)
        assert 0 <= told["longest_wait_s"] < 120
        assert ear.ask("call_next", counter="1")["data"]["ticket"] == "A001"
        issue(ear, "A003", first=3)
        ear.until("queue/cash", lambda told: told["waiting"] == 2)
        ear.say("sensors/air", {"temperature_c": 23.5, "co2_ppm": 700})
        ear.until("climate/hall", lambda told: told["temperature_c"] == 23.5)
        offset.write_text("+0", encoding="ascii")
        until(lambda: len(ear.events("clock.jumped")) == 2)
        told = ear.until("queue/cash", lambda told: told["waiting"] == 2 and told["longest_wait_s"] < 120)
        daemon.kill()
        daemon.start()
        ear.topics.clear()
        told = ear.until("queue/cash", lambda told: told["waiting"] == 2)
        assert 0 <= told["longest_wait_s"] < 120
        waits = [event["wait_s"] for event in ear.events("ticket.called")]
        assert waits
        assert all(0 <= wait_s < 120 for wait_s in waits)
        assert [event["ticket"] for event in ear.events("ticket.issued")] == ["A001", "A002", "A003"]


# the disk


def test_on_a_full_disk_nobody_is_acknowledged_and_all_is_there_once_there_is_room(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    with running(Daemon(tmp_path, branch(mosquitto.port))) as daemon:
        assert daemon.process
        begun(mosquitto, ear)
        issue(ear, "A001")
        ear.until("queue/cash", lambda told: told["waiting"] == 1)
        limit(daemon, (tmp_path / "store" / "branch.db-wal").stat().st_size)
        issue(ear, "A002", first=2)
        ear.until("status", lambda told: any("free some room on the disk" in problem for problem in told["problems"]))
        acknowledged = [payload["seq"] for topic, payload in ear.came if topic == "bank/tickets/ack"]
        assert 2 not in acknowledged
        assert daemon.said("the store cannot be written")
        limit(daemon, resource.RLIM_INFINITY)
        ear.until("queue/cash", lambda told: told["waiting"] == 2)
        ear.until("status", lambda told: not any("disk" in problem for problem in told["problems"]))
        assert daemon.said("the store is written again")
        assert daemon.log.count("cannot be written") == 1
        assert [event["ticket"] for event in ear.events("ticket.issued")] == ["A001", "A002"]
        limit(daemon, (tmp_path / "store" / "branch.db-wal").stat().st_size)
        issue(ear, "A003", first=3)
        until(lambda: daemon.said("the store cannot be written", 2))
        daemon.stop()
        assert [payload["seq"] for topic, payload in ear.came if topic == "bank/tickets/ack"][-1] == 2


def limit(daemon: Daemon, size: int) -> None:
    """No file of the daemon's may grow beyond `size` bytes, as if the disk were full."""
    assert daemon.process
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_damaged_database_is_set_aside_and_head_office_is_told(tmp_path: Path, mosquitto: Mosquitto, ear: Ear) -> None:
    with running(Daemon(tmp_path, branch(mosquitto.port))) as daemon:
        begun(mosquitto, ear)
        issue(ear, "A001")
        ear.until("queue/cash", lambda told: told["waiting"] == 1)
        daemon.kill()
        for file in (tmp_path / "store").glob("branch.db*"):
            file.write_bytes(random.Random(1).randbytes(50_000))
        daemon.start()
        (told,) = until(lambda: ear.events("outbox.epoch_began"))
        assert "the database was damaged; 0 of its events could be saved, and it is kept as branch.db.damaged-" in told["reason"]
        assert list((tmp_path / "store").glob("branch.db.damaged-*"))
        ear.until("status", lambda told: told["state"] == "online")
        issue(ear, "A002", first=2)
        ear.until("queue/cash", lambda told: told["waiting"] == 1 and told["next"] == ["A002"])
