"""Broker: its URL, why it is away and what to do, TLS, and a connection that leaves nothing behind however it ends."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import ipaddress
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from devices.driver import DriverError
from devices.links.broker import Broker, BrokerAwayError, connect, stay_connected
from devices.reading import Text


async def fails(broker: Broker) -> str:
    """Why connecting fails, in English."""
    with pytest.raises(BrokerAwayError) as failure:
        async with connect(broker, "test"):
            pass
    assert set(failure.value.reason) == {"en", "zh-CN"}
    return failure.value.reason["en"]


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://127.0.0.1", Broker("127.0.0.1", 1883)),
        ("mqtt://broker:1884/", Broker("broker", 1884)),
        ("mqtts://broker", Broker("broker", 8883, tls=True)),
        ("mqtt://[::1]:1883", Broker("::1", 1883)),
        ("mqtt://me:p%40ss@broker", Broker("broker", 1883, username="me", password="p@ss")),
    ],
)
def test_urls(url: str, broker: Broker) -> None:
    assert Broker.of(url) == broker


def test_given_credentials_go_before_those_of_the_url() -> None:
    assert Broker.of("mqtt://a:b@broker", username="c", password="d") == Broker("broker", 1883, username="c", password="d")


@pytest.mark.parametrize(
    "wrong", ["", "broker:1883", "http://broker", "mqtt://", "mqtt://broker:port", "mqtt://broker/topic", "mqtt://x:99999"]
)
def test_what_is_no_url_of_a_broker(wrong: str) -> None:
    with pytest.raises(DriverError, match="write mqtt://host:1883"):
        Broker.of(wrong)


@given(st.sampled_from(["mqtt", "http", ""]), st.text(max_size=30))
def test_a_url_is_one_or_an_error_that_tells_no_password(scheme: str, rest: str) -> None:
    for url in (f"{scheme}://me:s3cret@{rest}", rest):
        try:
            said = repr(Broker.of(url))
        except DriverError as error:
            said = str(error)
        assert "s3cret" not in said


def test_never_shows_the_password() -> None:
    broker = Broker.of("mqtts://me:secret@broker")
    assert "secret" not in f"{broker!r} {broker} {broker.url}"
    with pytest.raises(DriverError) as error:
        Broker.of("http://me:secret@broker")
    assert "secret" not in str(error.value)


async def test_nobody_listens(free_port: Callable[[], int]) -> None:
    assert "is the broker running, and the port right?" in await fails(Broker("127.0.0.1", free_port()))


async def test_a_refused_login(start_mosquitto: Callable[[str], Any], tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-c", "-b", str(passwords), "me", "right"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    mosquitto = start_mosquitto(f"allow_anonymous false\npassword_file {passwords}\n")
    assert "refuses user me; check user name and password" in await fails(Broker.of(mosquitto.url, username="me", password="wrong"))
    assert "refuses a login without a user" in await fails(Broker.of(mosquitto.url))
    async with connect(Broker.of(mosquitto.url, username="me", password="right"), "test") as client:
        await client.publish("a", b"b", qos=1)


def certificate(folder: Path, name: str, address: str) -> None:
    """A key and a certificate that signs itself, for an IP address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


async def test_tls(start_mosquitto: Callable[[str], Any], tmp_path: Path) -> None:
    for name, address in (("mine", "127.0.0.1"), ("other", "127.0.0.1"), ("elsewhere", "192.0.2.1")):
        certificate(tmp_path, name, address)
    mosquitto = start_mosquitto(f"certfile {tmp_path}/mine.pem\nkeyfile {tmp_path}/mine.key\n")
    url = f"mqtts://127.0.0.1:{mosquitto.port}"
    large = b"x" * 200_000  # more than one TLS record
    async with connect(Broker.of(url, ca_file=tmp_path / "mine.pem"), "test") as client:
        await client.subscribe("a", qos=1)
        await client.publish("a", large, qos=1)
        assert (await anext(client.messages)).payload == large
    assert "certificate is not trusted" in await fails(Broker.of(url))
    assert "certificate is not trusted" in await fails(Broker.of(url, ca_file=tmp_path / "other.pem"))
    assert "missing.pem: No such file" in await fails(Broker.of(url, ca_file=tmp_path / "missing.pem"))
    wrong = start_mosquitto(f"certfile {tmp_path}/elsewhere.pem\nkeyfile {tmp_path}/elsewhere.key\n")
    url = f"mqtts://127.0.0.1:{wrong.port}"
    assert "IP address mismatch" in await fails(Broker.of(url, ca_file=tmp_path / "elsewhere.pem"))


async def test_a_certificate_file_that_is_no_use_is_named(mosquitto: Any, tmp_path: Path) -> None:
    url = mosquitto.url.replace("mqtt:", "mqtts:")
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate", encoding="utf-8")
    assert str(tmp_path / "absent.pem") in await fails(Broker.of(url, ca_file=tmp_path / "absent.pem"))
    assert str(rubbish) in await fails(Broker.of(url, ca_file=rubbish))
    certificate(tmp_path, "mine", "127.0.0.1")
    said = await fails(Broker.of(url, certificate_file=tmp_path / "mine.pem", key_file=tmp_path / "absent.key"))
    assert "mine.pem" in said
    assert "absent.key" in said


async def test_a_broker_that_hangs_up_is_not_waited_for(start_mosquitto: Callable[[str], Any], tmp_path: Path) -> None:
    certificate(tmp_path, "mine", "127.0.0.1")
    broker = start_mosquitto(f"certfile {tmp_path}/mine.pem\nkeyfile {tmp_path}/mine.key\n")
    assert "does it want TLS" in await fails(Broker.of(f"mqtt://127.0.0.1:{broker.port}"))


def test_a_given_password_is_taken_as_it_is() -> None:
    assert Broker.of("mqtt://broker", username="a%41", password="b%42").password == "b%42"


async def test_tls_where_there_is_none(mosquitto: Any) -> None:
    said = await fails(Broker.of(f"mqtts://127.0.0.1:{mosquitto.port}"))
    assert "TLS" in said or "closed" in said or "reset" in said


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1:{}", "mqtts://127.0.0.1:{}"])
async def test_cancelled_while_the_other_side_is_silent(url: str) -> None:
    accepted, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        while await reader.read(1000):
            pass
        writer.close()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    broker = Broker.of(url.format(server.sockets[0].getsockname()[1]))
    async with server:
        connecting = asyncio.create_task(connect(broker, "test").__aenter__())
        await accepted.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await ended.wait()
    gc.collect()  # a socket left behind would warn


async def test_cancelled_at_any_moment(mosquitto: Any) -> None:
    broker = Broker.of(mosquitto.url)

    async def work() -> None:
        async with connect(broker, "test") as client:
            await client.subscribe("a", qos=1)
            await client.publish("a", b"b", qos=1)
            await anext(client.messages)

    async with asyncio.timeout(20):
        for turns in range(60):
            working = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep(0)
            working.cancel()
            await asyncio.wait({working})
            assert working.cancelled() or not working.exception()


async def test_stays_connected(mosquitto: Any) -> None:
    events: asyncio.Queue[str] = asyncio.Queue()

    async def use(client: aiomqtt.Client) -> None:
        events.put_nowait("connected")
        try:
            await asyncio.Event().wait()
        finally:
            events.put_nowait("cancelled")

    def away(reason: Text) -> None:
        events.put_nowait(reason["en"])

    staying = asyncio.create_task(stay_connected(Broker.of(mosquitto.url), "test", use, away=away))
    assert await events.get() == "connected"
    mosquitto.kill()
    assert await events.get() == "cancelled"
    assert (await events.get()).startswith(f"{mosquitto.url} was lost; is the broker running?")
    mosquitto.start()
    while await events.get() != "connected":
        pass
    staying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staying
    assert await events.get() == "cancelled"


async def test_an_error_of_the_user_is_the_users(mosquitto: Any) -> None:
    async def use(client: aiomqtt.Client) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stay_connected(Broker.of(mosquitto.url), "test", use, away=lambda _: None)
