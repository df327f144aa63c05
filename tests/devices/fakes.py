"""A branch and two links that stand still for tests: they keep what a driver says and say to it what a test wants."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from devices.driver import LinkDownError, LinkSettings
from devices.links.lines import Lines
from devices.reading import Command, Occurrence, Outcome, Sample, Value


class FakeBranch:
    """Keeps samples, occurrences (each once, as the store would) and outcomes; hands out commands.

    `links` are the fakes by what is opened: a class of link settings, the name of a wire, or None for whatever else is
    asked; what has none is opened for real, the broker being at `mqtt_url`.
    """

    def __init__(self, links: Mapping[Any, Any] | Any = None, *, now: float = 1_795_483_865.0, mqtt_url: str | None = None) -> None:
        self.device = "device"
        self.time = now
        self.samples: list[Sample] = []
        self.occurrences: list[Occurrence] = []
        self.heard: list[Occurrence] = []  # copies too
        self._last: dict[str, tuple[float, int]] = {}
        self.outcomes: list[tuple[Command, Outcome, str]] = []
        self.committing = asyncio.Event()  # clear it to hold commits up, as a slow disk does
        self.committing.set()
        self._mqtt_url = mqtt_url
        self._links: Mapping[Any, Any] = links if isinstance(links, Mapping) else {None: links}
        self._commands: asyncio.Queue[Command] = asyncio.Queue(100)

    def now(self) -> float:
        return self.time

    def measured(self, sample: Sample) -> None:
        self.samples.append(sample)

    async def happened(self, occurrence: Occurrence) -> None:
        await self.committing.wait()
        self.heard.append(occurrence)
        if not self._is_copy(occurrence):
            self.occurrences.append(occurrence)

    def _is_copy(self, occurrence: Occurrence) -> bool:
        """As the store decides it: within the window of the last copy, by time and, where it is given, by number."""
        now, kept = asyncio.get_running_loop().time(), len(self.occurrences)
        last, number = self._last.get(occurrence.identity, (-math.inf, 0))
        copy = now - last <= occurrence.copy_within_s and kept - number < (occurrence.copy_within or math.inf)
        self._last[occurrence.identity] = (now, number if copy else kept + 1)
        return copy

    async def commands(self) -> AsyncIterator[Command]:
        while True:
            yield await self._commands.get()

    def done(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        self.outcomes.append((command, outcome, detail))

    @asynccontextmanager
    async def open(self, settings: LinkSettings[Any]) -> AsyncIterator[Any]:
        for key in (type(settings), settings.wire(), None):
            if self._links.get(key) is not None:
                yield self._links[key]
                return
        async with Lines(mqtt_url=self._mqtt_url) as lines, lines.open(settings, self.device, self.measured) as link:
            yield link

    # what a test says and asks

    def tell(self, quantity: str, value: Value, part: str = "", **more: Any) -> Command:
        """Give the driver a command."""
        command = Command(quantity, value, part=part, **more)
        self._commands.put_nowait(command)
        return command

    def states(self, part: str = "") -> list[Value]:
        """The states told of the device (or a part), without what was only said again."""
        told = [sample.value for sample in self.samples if sample.quantity == "state" and sample.part == part]
        return [value for at, value in enumerate(told) if at == 0 or told[at - 1] != value]

    def reason(self, part: str = "") -> str:
        """The English reason of the newest state."""
        state = [sample for sample in self.samples if sample.quantity == "state" and sample.part == part][-1]
        return (state.reason or {}).get("en", "")

    def latest(self, quantity: str, part: str = "") -> Sample | None:
        """The newest sample of a quantity."""
        return next((s for s in reversed(self.samples) if s.quantity == quantity and s.part == part), None)

    async def until(self, condition: Callable[[], object], limit_s: float = 20.0) -> None:
        """Return once `condition` holds."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110 - a test may wait for anything, also what tells nobody
                await asyncio.sleep(0.002)


class FakeLine:
    """A serial or TCP link in memory: `say` is the device speaking, `written` what the driver wrote."""

    def __init__(self, answer: Callable[[bytes], bytes | None] | None = None) -> None:
        self.written: list[bytes] = []
        self.away = False
        self.lost = 0
        self._answer = answer  # what the device says at once to what it is told
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(1000)

    def say(self, data: bytes) -> None:
        self._chunks.put_nowait(data)

    @property
    def is_open(self) -> bool:
        return not self.away

    @property
    def sent(self) -> bytes:
        return b"".join(self.written)

    async def write(self, data: bytes) -> None:
        if self.away:
            raise LinkDownError("the line is away")
        self.written.append(data)
        if self._answer and (answer := self._answer(data)):
            self.say(answer)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._chunks.get()


class FakeMqtt:
    """An MQTT link in memory: `say` is a device publishing; keeps what was published and acknowledged, in order."""

    def __init__(self, message: Callable[[str, bytes, bool], Any], prefix: str = "bank/device") -> None:
        self.prefix = prefix
        self.filters: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.acknowledged: list[Any] = []
        self.away = False
        self._message = message  # devices.links.mqtt.Message
        self._messages: asyncio.Queue[Any] = asyncio.Queue(1000)

    def say(self, topic: str, payload: bytes | str, *, retained: bool = False) -> None:
        self._messages.put_nowait(self._message(topic, payload.encode() if isinstance(payload, str) else payload, retained))

    async def subscribe(self, *filters: str) -> None:
        self.filters += filters

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            yield await self._messages.get()

    def acknowledge(self, message: Any) -> None:
        assert not any(message is known for known in self.acknowledged), "acknowledged twice"
        self.acknowledged.append(message)

    async def publish(self, topic: str, payload: bytes | str, *, qos: int = 1, retain: bool = False) -> None:
        if self.away:
            raise LinkDownError("the broker is away")
        self.published.append((topic, payload.encode() if isinstance(payload, str) else payload))


@asynccontextmanager
async def running(run: Callable[[], Any]) -> AsyncIterator[asyncio.Task[None]]:
    """A driver at work; it is cancelled at the end and must then end. What it raises of itself fails the test."""
    task = asyncio.ensure_future(run())
    try:
        yield task
    finally:
        task.cancel()
        done, pending = await asyncio.wait({task}, timeout=5)
        assert not pending, "the driver cannot be cancelled"
        for ended in done:
            if not ended.cancelled() and (error := ended.exception()):
                raise error
