"""The generated broker: who may say and hear what, who is refused, and the daemon and head office speaking through it."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.links.broker import Broker, BrokerAwayError, connect
from edge.access import AccessError
from edge.config.load import load
from edge.ops.access import users
from edge.ops.requests import VERBS
from tests.conftest import free_port
from tests.deploy.conftest import OBSERVER, GeneratedBroker, comes_through, generate, is_heard

Start = Callable[..., GeneratedBroker]
DOWN = ("ack", "resend", "refused", "command")
LINE = [f"headoffice/v1/{branch}/{channel}" for branch in ("east", "west", "headoffice") for channel in ("events", *DOWN)]
ELSEWHERE = ["headoffice/v1/east", "headoffice/v1/east/events/more", "headoffice/v2/east/events", "branch/east/status", "x"]
BRANCH = """\
branch: {id: east}
services: {personal: {prefix: A}}
counters: {"1": {services: [personal]}}
devices:
  tickets: {driver: ticket_machine, link: {mqtt: bank/tickets}}
  air: {driver: mqtt_sensor, link: {mqtt: sensors/air}, quantities: {co2_ppm: {topic: other/air}}, availability: other/there}
  lamp: {driver: mqtt_actuator, link: {mqtt: zigbee2mqtt/lamp}, quantity: light_pct}
  plug: {driver: mqtt_actuator, link: {mqtt: plug}, preset: tasmota, quantity: relay}
"""


def written(folder: Path, more: str = "") -> Path:
    file = folder / "branch.yaml"
    file.write_text(BRANCH + more, encoding="utf-8")
    return file


async def test_a_branch_says_and_hears_its_own_line_alone(start_generated: Start) -> None:
    broker = start_generated("headoffice", "east", "west")
    observer = broker.as_(OBSERVER)
    for branch in ("east", "west"):
        own = {f"headoffice/v1/{branch}/{channel}" for channel in DOWN}
        assert await comes_through(broker.as_(branch), observer, LINE + ELSEWHERE) == {f"headoffice/v1/{branch}/events"}
        assert await is_heard(broker.as_(branch), observer, LINE + ELSEWHERE, f"headoffice/v1/{branch}/ack") == own


async def test_head_office_hears_every_branch_and_answers_each(start_generated: Start) -> None:
    broker = start_generated("headoffice", "east", "west")
    observer, headoffice = broker.as_(OBSERVER), broker.as_("headoffice")
    answers = {topic for topic in LINE if not topic.endswith("/events")}
    own = "headoffice/v1/headoffice/events"  # the line of a branch of that name, which `generate` lets nobody have
    assert await comes_through(headoffice, observer, LINE + ELSEWHERE) == answers | {own}
    heard = await is_heard(headoffice, observer, LINE + ELSEWHERE, "headoffice/v1/east/events")
    assert heard - {f"headoffice/v1/headoffice/{channel}" for channel in DOWN} == {topic for topic in LINE if topic.endswith("/events")}


async def test_at_a_branch_a_device_has_its_own_topics_and_a_person_those_of_the_role(start_generated: Start, tmp_path: Path) -> None:
    broker = start_generated("box", written(tmp_path))
    observer = broker.as_(OBSERVER)
    devices = {
        "device-tickets": {"bank/tickets", "bank/tickets/ticket", "bank/tickets/ack"},
        "device-air": {"sensors/air", "other/air", "other/there"},
        "zigbee2mqtt": {"zigbee2mqtt/lamp", "zigbee2mqtt/lamp/set", "zigbee2mqtt/bridge/state"},
        "device-plug": {"plug", "cmnd/plug/POWER", "stat/plug/RESULT", "tele/plug/LWT"},
    }
    requests = {f"branch/east/request/{verb}" for verb in VERBS}
    shown = {"branch/east/status", "branch/east/queue/personal", "branch/east/event/ticket.issued"}
    others = {"branch/west/status", "branch/west/request/reload", "headoffice/v1/east/events", "cmnd/other/POWER"}
    every = sorted(requests | shown | others | set[str]().union(*devices.values()) | {"branch/east/capture/air"})
    for user, own in devices.items():
        assert await comes_through(broker.as_(user), observer, every) == own
        assert await is_heard(broker.as_(user), observer, every, min(own)) == own
    ours = set(every) - others
    assert await comes_through(broker.as_("smartbranch"), observer, every) == ours
    assert await is_heard(broker.as_("smartbranch"), observer, every, "branch/east/status") == ours
    asked = {
        "viewer": set[str](),
        "counter": {"issue_ticket", "call_next"},
        "manager": {"call_next", "set_climate"},
        "engineer": set(VERBS),
    }
    for role, verbs in asked.items():
        through = await comes_through(broker.as_(role), observer, every)
        assert {f"branch/east/request/{verb}" for verb in verbs} <= through <= requests
        captures = {"branch/east/capture/air"} if role == "engineer" else set()
        assert await is_heard(broker.as_(role), observer, every, "branch/east/status") == shown | captures
    assert "branch/east/request/reload" not in await comes_through(broker.as_("manager"), observer, every)
    assert "branch/east/request/set_climate" not in await comes_through(broker.as_("counter"), observer, every)


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"username": "north"}, {"username": None, "password": None}])
async def test_who_cannot_say_who_he_is_is_refused(start_generated: Start, change: dict[str, str | None]) -> None:
    broker = start_generated("headoffice", "east").as_("east")
    who = {"username": broker.username, "password": broker.password} | change
    with pytest.raises(BrokerAwayError, match="refuses"):
        async with connect(Broker.of(broker.url, **who, ca_file=broker.ca_file), "test"):  # type: ignore[arg-type] # None or text, by name
            pass


@pytest.mark.parametrize(("version", "speaks"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_below_1_2_is_refused(start_generated: Start, tmp_path: Path, version: str, speaks: bool) -> None:
    port = start_generated("headoffice").port
    context = ssl.create_default_context(cafile=tmp_path / "headoffice" / "ca.crt")
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is the broker that refuses, not OpenSSL on our side
    with ignoring_that_it_is_old():
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        if speaks:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                assert secured.version() == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError, match="ALERT"):  # the broker's own word
                context.wrap_socket(plain, server_hostname="127.0.0.1")


@contextmanager
def ignoring_that_it_is_old() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


async def test_branches_by_certificate(start_generated: Start, tmp_path: Path) -> None:
    broker, folder = start_generated("headoffice", "east", "west", "--certificates"), tmp_path / "headoffice"

    def by(name: str, authority: Path = folder) -> Broker:
        shown = {"certificate_file": authority / "clients" / f"{name}.crt", "key_file": authority / "clients" / f"{name}.key"}
        return Broker.of(f"mqtts://127.0.0.1:{broker.port}", ca_file=folder / "ca.crt", **shown)

    headoffice = by("headoffice")
    for branch in ("east", "west"):
        async with connect(headoffice, "hq", clean_session=True) as hearing, connect(by(branch), branch, clean_session=True) as speaking:
            await hearing.subscribe("#", qos=1)
            for topic in ("headoffice/v1/east/events", "headoffice/v1/west/events"):
                await speaking.publish(topic, branch, qos=1)
            async with asyncio.timeout(10):
                assert (await anext(hearing.messages)).topic.value == f"headoffice/v1/{branch}/events"
    other = tmp_path / "other"
    assert generate("headoffice", "east", "--certificates", "--out", other, "--host", "x").returncode == 0
    for stranger in (by("east", other), Broker.of(f"mqtts://127.0.0.1:{broker.port}", ca_file=folder / "ca.crt")):
        with pytest.raises(BrokerAwayError, match="certificate of ours"):
            async with connect(stranger, "stranger"):
                pass


def test_files_are_their_owners_and_nothing_is_written_over(tmp_path: Path) -> None:
    words = ("headoffice", "east", "--host", "hq.example", "--out", tmp_path / "made")
    assert generate(*words).returncode == 0
    files = {file: file.read_bytes() for file in (tmp_path / "made").rglob("*") if file.is_file()}
    assert {file.name for file in files if stat.S_IMODE(file.stat().st_mode) != 0o600} == {"ca.crt"}  # everybody needs that one
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "made").rglob("*") if folder.is_dir()} == {0o700}
    again = generate(*words)
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    twice = generate("add", "west", "east", "--out", tmp_path / "made")
    assert (twice.returncode, "east: let in already" in twice.stderr) == (1, True)
    assert {file: file.read_bytes() for file in (tmp_path / "made").rglob("*") if file.is_file()} == files
    secret = (tmp_path / "made" / "clients" / "east.password").read_text(encoding="utf-8").strip()
    assert not any(secret in content.decode(errors="replace") for file, content in files.items() if file.suffix != ".password")


def test_a_renewed_certificate_is_of_the_same_authority(start_generated: Start, tmp_path: Path) -> None:
    broker, folder = start_generated("headoffice", "east"), tmp_path / "headoffice"
    before = (folder / "server.crt").read_bytes()
    assert generate("renew", "--host", "127.0.0.1", "--out", folder).returncode == 0
    assert (folder / "server.crt").read_bytes() != before
    broker.stop()
    broker.start()
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain:
        context.wrap_socket(plain, server_hostname="127.0.0.1").close()


@pytest.mark.parametrize("name", ["+", "#", "a/b", "A", "", "headoffice", "a" * 65, "a b", "a:b", "a\nb"])
def test_what_is_no_id_of_a_branch(tmp_path: Path, name: str) -> None:
    made = generate("headoffice", name, "--host", "x", "--out", tmp_path / "made")
    assert (made.returncode, "no id of a branch" in made.stderr) == (1, True)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("prefix", ["#", "a/+/b", "a/#", "branch/east", "branch", "headoffice/v1/east", "$SYS/broker", "a\nb", " a"])
def test_a_device_gets_no_topics_of_others(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(AccessError, match="air: the topic"):
        users("east", {"air": (prefix, f"{prefix}/#")})


def test_every_device_over_mqtt_is_let_in(tmp_path: Path) -> None:
    config = load(written(tmp_path))
    named = {user.name for user in users("east", {device: settings.topics() for device, settings in config.settings.items()})}
    assert named == {
        "smartbranch",
        "device-tickets",
        "device-air",
        "zigbee2mqtt",
        "device-plug",
        "viewer",
        "counter",
        "manager",
        "engineer",
    }


async def test_the_daemon_and_head_office_speak_through_it(start_generated: Start, tmp_path: Path) -> None:
    box = start_generated("box", written(tmp_path))
    hq = start_generated("headoffice", "east")
    secrets = {name: broker.as_(user).password for name, broker, user in (("BOX", box, "smartbranch"), ("EAST", hq, "east"))}
    mine = f"mqtt: {{url: 'mqtts://127.0.0.1:{box.port}', user: smartbranch, password: '${{BOX}}', ca_file: box/ca.crt}}\n"
    line = f"headoffice: {{url: 'mqtts://127.0.0.1:{hq.port}', password: '${{EAST}}', ca_file: headoffice/ca.crt}}\n"
    file = written(tmp_path, mine + line + f"web: {{listen: '127.0.0.1:{free_port()}'}}\n")
    settings = tmp_path / "hq.yaml"
    theirs = f"url: 'mqtts://127.0.0.1:{hq.port}', username: headoffice, password: '${{HQ}}', ca_file: headoffice/ca.crt"
    settings.write_text(f"mqtt: {{{theirs}}}\nweb: {{listen: '127.0.0.1:0'}}\n", encoding="utf-8")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name, secret in (*secrets.items(), ("HQ", hq.as_("headoffice").password)):
        (credentials / name.lower()).write_text(f"{secret}\n", encoding="utf-8")
    with running("run", file, credentials), running("headoffice", settings, credentials):
        async with asyncio.timeout(40), connect(box.as_("viewer"), "viewer", clean_session=True) as viewer:
            await viewer.subscribe("branch/east/status", qos=1)
            async for message in viewer.messages:
                if isinstance(message.payload, bytes) and b'"online"' in message.payload:
                    break
            await asyncio.to_thread(until_stored, tmp_path / "headoffice.db")


@contextmanager
def running(command: str, file: Path, credentials: Path) -> Iterator[None]:
    environment = {"CREDENTIALS_DIRECTORY": str(credentials), "PATH": "/usr/bin:/bin"}
    with (file.parent / f"{command}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "edge.cli", command, file], env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def until_stored(database: Path) -> None:
    """Return when head office has events of the branch."""
    until = time.monotonic() + 30
    while not stored(database):
        assert time.monotonic() < until, "nothing has come to head office"
        time.sleep(0.05)


def stored(database: Path) -> int:
    """Events of the branch that head office has."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    try:
        return int(connection.execute("SELECT count(*) FROM event WHERE branch = 'east'").fetchone()[0])
    except sqlite3.Error:
        return 0
    finally:
        connection.close()
