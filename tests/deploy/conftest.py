"""Fixtures of deployment: what deploy/mosquitto/generate.py makes, and a real Mosquitto running on it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import aiomqtt
import pytest

from devices.links.broker import Broker, connect
from tests.conftest import MOSQUITTO, Mosquitto, free_port

REPOSITORY = Path(__file__).parents[2]
GENERATE = REPOSITORY / "deploy" / "mosquitto" / "generate.py"
OBSERVER = "observer"  # may say and hear everything; ours alone, to see what comes through


def generate(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script as an administrator would."""
    return subprocess.run([sys.executable, GENERATE, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=30)


class GeneratedBroker(Mosquitto):
    """Mosquitto on a generated folder, with an observer let in beside those that were."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port, self._folder = port, folder
        self._process = None
        with (folder / "mosquitto.conf").open("a", encoding="utf-8") as file:
            file.write("user root\n" if os.geteuid() == 0 else "")  # else it gives root up and cannot read the temporary folder
        with (folder / "acl").open("a", encoding="utf-8") as file:
            file.write(f"\nuser {OBSERVER}\ntopic readwrite #\n")

    def as_(self, user: str) -> Broker:
        """The broker as `user` sees it, by TLS and password."""
        folder = self._folder
        password = (folder / "clients" / f"{user}.password").read_text(encoding="utf-8").strip()
        return Broker.of(f"mqtts://127.0.0.1:{self.port}", username=user, password=password, ca_file=folder / "ca.crt")


@pytest.fixture
def start_generated(tmp_path: Path) -> Iterator[Callable[..., GeneratedBroker]]:
    """`start_generated("headoffice", "a", …)` generates into `tmp_path / "headoffice"` and starts Mosquitto on it."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    started: list[GeneratedBroker] = []

    def start(action: str, *words: str | Path) -> GeneratedBroker:
        folder, port, local = tmp_path / action, free_port(), free_port()
        places: list[str | Path] = ["--out", folder, "--at", folder, "--data", folder, "--host", "127.0.0.1", "--port", str(port)]
        made = generate(action, *words, *places, *(["--local-port", str(local)] if action == "box" else []))
        assert made.returncode == 0, made.stderr
        if "--certificates" not in words:
            _let_observer_in(folder)
        started.append(GeneratedBroker(folder, port))
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


def _let_observer_in(folder: Path) -> None:
    added = generate("add", OBSERVER, "--out", folder)
    assert added.returncode == 0, added.stderr


async def comes_through(user: Broker, observer: Broker, topics: Iterable[str]) -> set[str]:
    """Of `topics`, those on which others hear what `user` says."""
    async with connect(observer, "observer", clean_session=True) as listening, connect(user, "user", clean_session=True) as speaking:
        await listening.subscribe("#", qos=1)
        for topic in topics:
            await speaking.publish(topic, b"said", qos=1)
        await listening.publish("fence", b"", qos=1)
        return await _until_fence(listening, "fence")


async def is_heard(user: Broker, observer: Broker, topics: Sequence[str], fence: str) -> set[str]:
    """Of `topics`, those on which `user` hears what others say; `fence` is one that he surely does."""
    async with connect(observer, "observer", clean_session=True) as speaking, connect(user, "user", clean_session=True) as listening:
        await listening.subscribe([("#", 1), *((topic, 1) for topic in topics)])
        for topic in topics:
            await speaking.publish(topic, b"said", qos=1)
        await speaking.publish(fence, b"", qos=1)
        return await _until_fence(listening, fence)


async def _until_fence(client: aiomqtt.Client, fence: str) -> set[str]:
    heard: set[str] = set()
    async with asyncio.timeout(20):
        async for message in client.messages:
            if message.topic.value == fence and message.payload == b"":
                break
            heard.add(message.topic.value)
    return heard
