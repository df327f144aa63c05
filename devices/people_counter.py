"""People counters over MQTT: running totals of people in and out over a line (format I)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from devices.driver import Branch, DriverSettings, driver, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Quality, Sample
from devices.wire.availability import availability_of, heed, silence_s
from devices.wire.listening import Garbage, Silence, hear_all
from devices.wire.own_topics import own_topics
from devices.wire.payload import ABSENT, PayloadError, at, document, valid
from devices.wire.quantities import reading, shortened
from devices.wire.troubles import Troubles

_EXPECTED: Final = ('a document such as {"line": "main", "in": 412, "out": 398}', '形如 {"line": "main", "in": 412, "out": 398} 的 JSON')
_LONGEST_LINE: Final = 64  # characters of a line's name

Pointer = Annotated[str, AfterValidator(valid)]


class Settings(DriverSettings):
    """The topic, where the totals stand in its documents, and which door each line is."""

    link: MqttLink.Settings
    line: Pointer | None = "/line"  # a JSON pointer, like those below; null: the counter has one line
    people_in: Pointer = Field(default="/in", alias="in")
    people_out: Pointer = Field(default="/out", alias="out")
    occupancy: Pointer | None = "/occupancy"
    wraps_at: int | None = Field(default=None, ge=2)  # where the counter's totals begin again at 0
    doors: Mapping[str, str] = Field(default_factory=dict)  # the counter's line -> the branch's door
    availability: str | None = None  # a topic that says `online` or `offline`
    stale_after_s: float | None = 900.0  # counters report every few minutes, also when nobody passes

    def serves(self) -> Mapping[str, tuple[str, str]]:
        return {line: ("door", door) for line, door in self.doors.items()}

    def topics(self) -> tuple[str, ...]:
        return own_topics(self.link.mqtt, None, (self.availability,))


class StrangeError(ValueError):
    """A document is none of the counter's; the text says why."""


def samples(settings: Settings, said: Any, topic: str) -> Iterator[Sample]:
    """The totals of the line that a document tells, and the people inside where it tells them.

    Raises:
        StrangeError: no object, or one without a line's name where one is expected, or with neither total.
    """
    line = _line(settings, said)
    totals = [("in_total", at(said, settings.people_in)), ("out_total", at(said, settings.people_out))]
    if all(total is ABSENT for _, total in totals):
        raise StrangeError(f"neither {settings.people_in} nor {settings.people_out} stands there")
    for quantity, total in totals:
        if total is not ABSENT:
            yield reading(quantity, total, topic, line, wraps_at=settings.wraps_at)
    inside = at(said, settings.occupancy) if settings.occupancy is not None else ABSENT
    if inside is not ABSENT:
        yield reading("people", inside, topic, line)


def _line(settings: Settings, said: Any) -> str:
    if not isinstance(said, dict):
        raise StrangeError(f"{shortened(said)} is no JSON object")
    line = at(said, settings.line) if settings.line is not None else ABSENT
    if line is ABSENT:
        return ""
    if not isinstance(line, str | int) or isinstance(line, bool) or len(str(line)) > _LONGEST_LINE:
        raise StrangeError(f"{shortened(line)} is no name of a line")
    return str(line)


class Counter:
    """One counter: what its messages mean, and what is wrong with them."""

    def __init__(self, settings: Settings, branch: Branch) -> None:
        prefix = settings.link.mqtt
        self._settings, self._branch = settings, branch
        self._troubles = Troubles(branch)
        self.garbage = Garbage(branch, self._troubles)
        self._availability = availability_of(prefix, None, settings.availability)
        self.silence = Silence(self._troubles, text(prefix, prefix), silence_s(settings.stale_after_s))

    @property
    def topics(self) -> set[str]:
        """All that is to be subscribed."""
        return {self._settings.link.mqtt, *([self._availability.topic] if self._availability else [])}

    async def hear(self, message: Message) -> None:
        """Tell what a message says; never fails, whatever it is."""
        try:
            said = document(message.payload)
            if self._availability and message.topic == self._availability.topic:
                heed(self._availability, said, message.topic, self._troubles)
                return
            told = list(samples(self._settings, said, message.topic))
        except (PayloadError, StrangeError) as error:
            self.garbage.came(message.topic, str(error), _EXPECTED)
            return
        for each in told:
            self._branch.measured(each)
        self._judge(told, fresh=not message.retained)

    def _judge(self, told: list[Sample], *, fresh: bool) -> None:
        over = {"silence", "away"} if fresh else set()  # what the broker kept says nothing of the counter now
        if fresh:
            self.silence.heard()
        reasons = [each.reason for each in told if each.quality is Quality.MISSING and each.reason is not None]
        if reasons:
            self._troubles.began("garbage", "faulty", reasons[0])
        else:
            over.add("garbage")
        self._troubles.ended(*over)


@driver("people_counter", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the counter until cancelled; the link reconnects by itself."""
    counter = Counter(settings, branch)
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        await link.subscribe(*sorted(counter.topics))
        both.create_task(hear_all(link, counter.hear))
        both.create_task(counter.silence.watch())
