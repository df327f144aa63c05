"""Queue sensor: how many people stand in a queue, in lines of text over a serial line (format H)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import xor
from typing import Final

import msgspec
from pydantic import Field

from devices.driver import Branch, DriverSettings, driver, text
from devices.links.serial import SerialLink
from devices.reading import Quality, Sample, Text
from devices.wire.silence import state_after
from devices.wire.troubles import Troubles

_LONGEST: Final = 82  # bytes of a sentence, `$` to the end of the line, as in NMEA 0183
_SENTENCE: Final = re.compile(rb"\$([^$*\r\n]{0,78})\*([0-9A-Fa-f]{2})")
_QUEUE: Final = re.compile(r"QUEUE,([^,]{1,40}),([0-9]{0,4}),([0-9]{0,6})")
_MOST_ZONES: Final = 64
_CANNOT_SEE: Final = text(
    "the sensor cannot see the queue: clean it, or take away what stands before it", "传感器看不到排队区：请清洁或移开遮挡物"
)
_NO_WAIT: Final = text("the sensor does not say how long people have stood", "传感器没有给出站立时长")


class Settings(DriverSettings):
    """The line, and which zone of the branch each zone of the sensor is (the same name where it is not listed)."""

    link: SerialLink.Settings
    zones: dict[str, str] = Field(default_factory=dict)
    period_s: float = Field(2.0, gt=0)  # how often it speaks when nothing changes


class Queue(msgspec.Struct, frozen=True):
    """One line: people standing in a zone and the longest of their times in seconds; None is not seen."""

    zone: str
    people: int | None
    longest_s: int | None


def decode(buffer: bytearray) -> Iterator[Queue | None]:
    """Yield the sound lines at the head of `buffer` and remove them, None for one that is not; at most 81 bytes stay."""
    while (start := buffer.find(b"$")) >= 0:
        del buffer[:start]
        if found := _SENTENCE.match(buffer):
            body, checksum = bytes(found[1]), int(found[2], 16)
            del buffer[: found.end()]
            yield queue(body) if reduce(xor, body, 0) == checksum else None
        elif _may_still_be_one(buffer):
            return
        else:
            del buffer[0]
            yield None
    buffer.clear()


def _may_still_be_one(buffer: bytearray) -> bool:
    body, star, checksum = bytes(buffer[1:_LONGEST]).partition(b"*")
    return (
        len(buffer) < _LONGEST and not re.search(rb"[$\r\n]", body) and (not star or re.fullmatch(rb"[0-9A-Fa-f]?", checksum) is not None)
    )


def queue(body: bytes) -> Queue | None:
    """What stands between `$` and `*`, or None where that is no queue."""
    found = _QUEUE.fullmatch(body.decode("utf-8", "replace"))
    return found and Queue(found[1], _number(found[2]), _number(found[3]))


def _number(digits: str) -> int | None:
    return int(digits) if digits else None


def samples(queue: Queue, zones: Mapping[str, str]) -> Iterator[Sample]:
    """What a line says; a queue that is not seen is missing, not empty."""
    zone = zones.get(queue.zone, queue.zone)
    if queue.people is None:
        yield from missing(zone, _CANNOT_SEE)
        return
    yield Sample("waiting", queue.people, part=zone)
    if queue.longest_s is not None:
        yield Sample("longest_wait_s", queue.longest_s, part=zone)
    else:
        yield Sample("longest_wait_s", None, part=zone, quality=Quality.MISSING, reason=_NO_WAIT)


def missing(zone: str, reason: Text) -> Iterator[Sample]:
    """Nothing is known of a zone."""
    for quantity in ("waiting", "longest_wait_s"):
        yield Sample(quantity, None, part=zone, quality=Quality.MISSING, reason=reason)


class Zones:
    """When each zone was heard last, and what its silence or noise means. Times are the loop's."""

    def __init__(self, settings: Settings, branch: Branch, now: float) -> None:
        self._settings, self._branch = settings, branch
        self._troubles = Troubles(branch)
        self._heard_at: dict[str, float] = {}
        self._anything_at, self._noise = now, 0

    def take(self, queue: Queue | None, now: float) -> None:
        """Measure what a line says; None is one that is not sound."""
        if queue is None:
            self._noise += 1
            return
        zone = self._settings.zones.get(queue.zone, queue.zone)
        if zone not in self._heard_at and len(self._heard_at) >= _MOST_ZONES:
            return
        self._heard_at[zone] = self._anything_at = now
        self._noise = 0
        for sample in samples(queue, self._settings.zones):
            self._branch.measured(sample)
        self._troubles.ended("silent")

    def check(self, now: float, *, wire_open: bool = True) -> None:
        """Tell when the sensor, or one of its zones, has been silent for too long; of a wire that is away the link has told."""
        reason = _silent(self._settings.period_s, noise=self._noise > 0)
        for zone, heard_at in self._heard_at.items():
            if self._state(heard_at, now) != "online":
                for sample in missing(zone, reason):
                    self._branch.measured(sample)
        if wire_open and (state := self._state(self._anything_at, now)) != "online":
            self._troubles.began("silent", state, reason)

    def _state(self, heard_at: float, now: float) -> str:
        return state_after(now - heard_at, self._settings.period_s)


def _silent(period_s: float, *, noise: bool) -> Text:
    if noise:
        return text("only lines with a wrong checksum arrive: check cable and baud rate", "收到的数据校验全部错误：请检查线缆和波特率")
    return text(
        f"nothing heard though it speaks every {period_s:g} s: check its power and cable",
        f"应每 {period_s:g} 秒上报，但没有收到数据：请检查电源和线缆",
    )


async def _hear(link: SerialLink, zones: Zones) -> None:
    buffer, loop = bytearray(), asyncio.get_running_loop()
    async for received in link:
        buffer += received
        for queue in decode(buffer):
            zones.take(queue, loop.time())


async def _watch(link: SerialLink, zones: Zones, period_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(period_s)
        zones.check(loop.time(), wire_open=link.is_open)


@driver("queue_sensor", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the sensor until cancelled; the link reconnects by itself."""
    zones = Zones(settings, branch, asyncio.get_running_loop().time())
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        both.create_task(_hear(link, zones))
        both.create_task(_watch(link, zones, settings.period_s))
