"""Infra-red beam counter: frames with running totals over a serial line (format C)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Final

import msgspec
from pydantic import Field

from devices.driver import Branch, DriverSettings, driver, text
from devices.links.serial import SerialLink
from devices.reading import Sample, Text
from devices.wire.silence import state_after
from devices.wire.troubles import Troubles

_FRAME: Final = struct.Struct(">2s8sBHHHBHHB")
_START: Final = b"\x02\x06"
_TOTALS_WRAP_AT: Final = 1 << 16
_SEQUENCE_WRAPS_AT: Final = 1 << 8
_MOST_ON_A_LINE: Final = 32  # serial numbers remembered; a wrong byte makes one more
_CHANGED_BATTERY_V: Final = 0.1  # above the limit by this much: the battery was changed


class Settings(DriverSettings):
    """Where the counter hangs and which of the counters on that line it is."""

    link: SerialLink.Settings
    serial_number: str | None = None  # None: the line has one counter, whichever speaks first
    period_s: float = Field(10.0, gt=0)  # how often it speaks when nobody passes
    battery_low_v: float = Field(2.8, ge=0)  # below this the battery should be changed


class Frame(msgspec.Struct, frozen=True):
    """One frame as it stood on the wire; totals wrap at 65,536, the sequence at 256."""

    serial_number: str
    status: int
    battery_mv: int
    people_in: int
    people_out: int
    sensor: int
    total_in: int
    total_out: int
    sequence: int


class Heard(msgspec.Struct, frozen=True):
    """What a counter said last: the frame we believe, and one that still has to be confirmed."""

    believed: Frame | None = None
    unconfirmed: Frame | None = None


def decode(buffer: bytearray) -> Iterator[Frame]:
    """Yield what may be frames at the head of `buffer` and remove them; at most 22 bytes stay.

    Only the start mark is removed with each: there is no checksum, so a frame may begin inside what looked like one.
    """
    while (start := buffer.find(_START)) >= 0:
        del buffer[:start]
        if len(buffer) < _FRAME.size:
            return
        _, number, *fields = _FRAME.unpack_from(buffer)
        del buffer[: len(_START)]
        yield Frame(number.decode("ascii", "replace").strip("\0 "), *fields)
    del buffer[:-1]  # the last byte may be half of a start mark


def follows(before: Frame | None, frame: Frame) -> bool:
    """Whether `frame` is the next one after `before`: one more, and the totals moved by just its people."""
    return (
        before is not None
        and (frame.sequence - before.sequence) % _SEQUENCE_WRAPS_AT == 1
        and (frame.total_in - before.total_in) % _TOTALS_WRAP_AT == frame.people_in
        and (frame.total_out - before.total_out) % _TOTALS_WRAP_AT == frame.people_out
    )


def hear(heard: Heard, frame: Frame) -> Heard:
    """Believe a frame that follows another; the format has no checksum, so one alone proves nothing."""
    if follows(heard.believed, frame) or follows(heard.unconfirmed, frame):
        return Heard(believed=frame)
    return Heard(heard.believed, unconfirmed=frame)


def samples(frame: Frame) -> Iterator[Sample]:
    """What a believed frame says; the branch makes people of the totals, also of those it was down for."""
    yield Sample("battery_v", frame.battery_mv / 1000)
    yield Sample("in_total", frame.total_in, wraps_at=_TOTALS_WRAP_AT)
    yield Sample("out_total", frame.total_out, wraps_at=_TOTALS_WRAP_AT)


class Line:
    """What every counter on a line said last; each is believed by its own frames only."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}

    def believe(self, frame: Frame) -> bool:
        """Take `frame` in; whether it is to be believed."""
        heard = self._heard[frame.serial_number] = hear(self._heard.pop(frame.serial_number, Heard()), frame)
        if len(self._heard) > _MOST_ON_A_LINE:  # real counters were heard lately: what goes is noise
            del self._heard[next(iter(self._heard))]
        return heard.believed is frame


class Counter:
    """The one counter of this device: which it is, when it was heard, and what is wrong with it. Times are the loop's."""

    def __init__(self, settings: Settings, branch: Branch, now: float) -> None:
        self._settings, self._branch = settings, branch
        self._line, self._troubles = Line(), Troubles(branch)
        self._serial_number = settings.serial_number
        self._heard_at, self._noise = now, 0
        self._battery_low = 0  # frames in a row that say so; one could be a wrong byte

    def take(self, frame: Frame, now: float) -> None:
        """Measure what `frame` says where it is this counter's and believed."""
        if not self._line.believe(frame):
            self._noise += 1
            return
        if not self._is_ours(frame.serial_number, now):
            return
        self._serial_number, self._heard_at, self._noise = frame.serial_number, now, 0
        for sample in samples(frame):
            self._branch.measured(sample)
        self._branch.measured(Sample("fault_code", frame.status))
        self._watch_battery(frame.battery_mv / 1000)
        self._troubles.ended("silent")

    def _is_ours(self, serial_number: str, now: float) -> bool:
        if serial_number == (self._serial_number or serial_number):
            return True
        if self._settings.serial_number is None:  # another one where one was expected
            if self._silence(now) != "online":
                return True  # the one before it is gone: it was replaced
            self._troubles.began("two", "faulty", _two(str(self._serial_number), serial_number))
        return False

    def _watch_battery(self, battery_v: float) -> None:
        limit_v = self._settings.battery_low_v + (_CHANGED_BATTERY_V if "battery" in self._troubles else 0)
        self._battery_low = self._battery_low + 1 if 0 < battery_v < limit_v else 0  # 0: no battery
        if self._battery_low > 1:
            self._troubles.began("battery", "faulty", _battery(battery_v))
        elif not self._battery_low:
            self._troubles.ended("battery")

    def _silence(self, now: float) -> str:
        return state_after(now - self._heard_at, self._settings.period_s)

    def check(self, now: float) -> None:
        """Tell when it has been silent for too long."""
        if (state := self._silence(now)) != "online":
            self._troubles.began("silent", state, _silent(self._settings.period_s, noise=self._noise > 0))


def _two(ours: str, other: str) -> Text:
    return text(
        f"counters {ours} and {other} share this line: set serial_number for each",
        f"计数器 {ours} 与 {other} 共用此线路：请为每个设备设置 serial_number",
    )


def _battery(battery_v: float) -> Text:
    return text(f"battery at {battery_v:.1f} V: change it", f"电池电压 {battery_v:.1f} V：请更换电池")


def _silent(period_s: float, *, noise: bool) -> Text:
    if noise:
        return text(
            "only frames that do not follow one another arrive: check cable and baud rate", "收到的数据无法相互印证：请检查线缆和波特率"
        )
    return text(
        f"nothing heard though it speaks every {period_s:g} s: check battery, cable and serial_number",
        f"应每 {period_s:g} 秒上报，但没有收到数据：请检查电池、线缆和 serial_number",
    )


async def _hear(link: SerialLink, counter: Counter) -> None:
    buffer, loop = bytearray(), asyncio.get_running_loop()
    async for received in link:
        buffer += received
        for frame in decode(buffer):
            counter.take(frame, loop.time())


async def _watch(link: SerialLink, counter: Counter, period_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(period_s)
        if link.is_open:
            counter.check(loop.time())


@driver("beam_counter", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the counter until cancelled; the link reconnects by itself."""
    counter = Counter(settings, branch, asyncio.get_running_loop().time())
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        both.create_task(_hear(link, counter))
        both.create_task(_watch(link, counter, settings.period_s))
