"""The daemon as a process of its own, and what a test holds in its hands around it: serial adapters, an ear at the broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import paho.mqtt.client as paho

T = TypeVar("T")
ASKED_AGAIN_S = 5.0
PATIENCE_S = 30.0


def until(found: Callable[[], T], what: str = "", limit_s: float = PATIENCE_S) -> T:
    """What `found` returns once that is true."""
    end = time.monotonic() + limit_s
    while not (value := found()):
        assert time.monotonic() < end, f"waited {limit_s:g} s in vain {what}"
        time.sleep(0.02)
    return value


class Daemon:
    """`smartbranch run` on a branch of its own; `log` is all it has said so far."""

    def __init__(self, folder: Path, branch: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.file = folder, folder / "branch.yaml"
        self._environment = {**os.environ, **(environment or {})}
        self.write(branch)
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, branch: Mapping[str, Any]) -> None:
        """Write its file anew."""
        whole = {"branch": {"id": "b"}, "web": {"listen": None}, "store": {"folder": "store"}, **branch}
        self.file.write_text(json.dumps(whole, ensure_ascii=False, indent=1), encoding="utf-8")

    def start(self) -> None:
        with (self.folder / "daemon.log").open("ab") as log:
            command = [sys.executable, "-m", "edge.cli", "run", str(self.file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def said(self, text: str, times: int = 1) -> bool:
        """Whether the log says it so often at least."""
        return self.log.count(text) >= times

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """End it by SIGTERM; how long that took. It must end well, and within 5 s."""
        assert self.process
        began = time.monotonic()
        self.process.terminate()
        status = self.process.wait(10)
        took_s = time.monotonic() - began
        assert status == 0, self.log[-3000:]
        assert took_s < 5, self.log[-3000:]
        return took_s

    def rss_kb(self) -> int:
        """Its resident memory."""
        assert self.process
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@contextlib.contextmanager
def running(daemon: Daemon, traces: int = 0) -> Iterator[Daemon]:
    """The daemon at work; ended in any case, and more traces than that in its log fail the test."""
    daemon.start()
    try:
        yield daemon
        if daemon.process and daemon.process.poll() is None:
            daemon.stop()
        assert daemon.log.count("Traceback") == traces, daemon.log[-5000:]
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.kill()


class Ear:
    """A client at the broker: the newest of each topic by its name below `branch/b/`, and all that came, in order."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None) -> None:
        self.topics: dict[str, Any] = {}
        self.came: list[tuple[str, Any]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._subscribed = threading.Event()
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe([("branch/b/#", 1), ("+/+/ack", 1)])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._heard(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _heard(self, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix("branch/b/")
        try:
            payload = json.loads(message.payload) if message.payload else None
        except (ValueError, RecursionError):
            payload = message.payload
        self.topics[topic] = payload
        self.came.append((topic, payload))

    def ready(self) -> None:
        """Return when it hears."""
        assert self._subscribed.wait(PATIENCE_S)

    def say(self, topic: str, payload: Any, *, retain: bool = False) -> None:
        """Publish at QoS 1; anything but bytes and text as JSON."""
        wire = payload if isinstance(payload, bytes | str) else json.dumps(payload)
        self._client.publish(topic, wire, qos=1, retain=retain).wait_for_publish(PATIENCE_S)

    def events(self, type_: str) -> list[Any]:
        """The `data` of the events of a type that came."""
        return [payload["data"] for topic, payload in list(self.came) if topic == f"event/{type_}"]

    def until(self, topic: str, is_so: Callable[[Any], object], limit_s: float = PATIENCE_S) -> Any:
        """The payload of a topic once something is so of it."""

        def found() -> Any:
            payload = self.topics.get(topic)
            try:
                return payload if payload is not None and is_so(payload) else None
            except (KeyError, TypeError):
                return None

        return until(found, f"for {topic}; it is {self.topics.get(topic)}", limit_s)

    def ask(self, verb: str, limit_s: float = PATIENCE_S, **arguments: Any) -> Any:
        """Ask the daemon for something, again while it does not answer (it may be reading its file again); its answer."""
        transaction, asked = f"t{time.monotonic_ns()}", -ASKED_AGAIN_S

        def answer() -> Any:
            nonlocal asked
            if time.monotonic() - asked >= ASKED_AGAIN_S:
                asked = time.monotonic()
                self.say(f"branch/b/request/{verb}", {**arguments, "transaction": transaction})
            came = (payload for topic, payload in list(self.came) if topic == f"response/{verb}")
            return next((payload for payload in came if payload["transaction"] == transaction), None)

        return until(answer, f"for an answer to {verb}", limit_s)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.contextmanager
def listening(port: int) -> Iterator[Ear]:
    """An ear at the broker on `port`."""
    ear = Ear(port)
    try:
        yield ear
    finally:
        ear.close()


class Adapter:
    """A serial adapter under a name: plugged in, it is a pty whose other end is here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: tuple[int, int] | None = None

    def plug(self) -> None:
        self._ends = pty.openpty()
        tty.setraw(self._ends[1])
        os.set_blocking(self._ends[0], False)
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def unplug(self) -> None:
        if self._ends:
            self.path.unlink()
            for end in self._ends:
                os.close(end)
            self._ends = None

    def say(self, wire: bytes) -> int:
        """Put bytes on the wire; how many of them went on it."""
        assert self._ends
        try:
            return os.write(self._ends[0], wire)
        except BlockingIOError:
            return 0

    def heard(self) -> bytes:
        """What the host has written since the last call."""
        assert self._ends
        try:
            return os.read(self._ends[0], 65_536)
        except BlockingIOError:
            return b""
