"""UPS: is there mains power, and how long would the battery hold; asked in Megatec's Q1 protocol over a serial line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from pydantic import Field

from devices.driver import Branch, DriverSettings, LinkDownError, driver, text
from devices.links.serial import SerialLink
from devices.reading import Quality, Sample, Text
from devices.wire.silence import state_after
from devices.wire.troubles import Troubles

_ASK: Final = b"Q1\r"
_ANSWER: Final = re.compile(
    rb"\((\d{3}\.\d) (\d{3}\.\d) (\d{3}\.\d) (\d{3}) (\d\d\.\d) (\d\.\d\d|\d\d\.\d|\d{3}\.\d?) (\d\d\.\d|--\.-) ([01]{8})\r"
)
_LONGEST: Final = 49  # bytes of an answer, `(` to the end of the line
_MAINS_GONE, _BATTERY_LOW, _BYPASS, _FAILED, _LINE_INTERACTIVE = 0x80, 0x40, 0x20, 0x10, 0x08


class Settings(DriverSettings):
    """The line (these devices speak at 2400 baud) and how often the UPS is asked."""

    link: SerialLink.Settings
    every_s: float = Field(5.0, ge=1, le=60)


class Status(msgspec.Struct, frozen=True):
    """One answer; `battery_v` is of a cell where the UPS says so (below 10), else of the whole battery."""

    input_v: float
    output_v: float
    load_pct: int
    frequency_hz: float
    battery_v: float
    inside_c: float | None
    flags: int

    @property
    def on_battery(self) -> bool:
        return bool(self.flags & _MAINS_GONE)


def decode(buffer: bytearray) -> Iterator[Status | None]:
    """Yield the sound answers at the head of `buffer` and remove them, None for a line that is none; at most 48 bytes stay."""
    while (end := buffer.find(b"\r")) >= 0:
        found = _ANSWER.search(buffer, max(0, end + 1 - _LONGEST), end + 1)
        status = _status(found) if found else None
        del buffer[: end + 1]
        yield status
    del buffer[: max(0, len(buffer) - _LONGEST + 1)]


def _status(found: re.Match[bytes]) -> Status:
    input_v, _, output_v, load, frequency, battery, inside, flags = (bytes(part).decode("ascii") for part in found.groups())
    inside_c = None if inside.startswith("-") else float(inside)
    return Status(float(input_v), float(output_v), int(load), float(frequency), float(battery), inside_c, int(flags, 2))


def samples(status: Status) -> Iterator[Sample]:
    """What an answer says; its own warmth is no air temperature of the zone that it stands in."""
    yield Sample("voltage_v", status.input_v, part="input")
    yield Sample("voltage_v", status.output_v, part="output")
    yield Sample("load_pct", status.load_pct)
    yield Sample("frequency_hz", status.frequency_hz)
    yield Sample("battery_v", status.battery_v)
    yield Sample("inside_c", status.inside_c, quality=Quality.MISSING if status.inside_c is None else Quality.MEASURED)
    yield Sample("on_battery", status.on_battery)


def troubles(status: Status) -> dict[str, Text]:
    """What is wrong by an answer, and what to do, by its cause; the worst first."""
    battery = f"{status.battery_v:g} V"
    found: dict[str, Text] = {}
    if status.on_battery and status.flags & _BATTERY_LOW:
        found["empty"] = text(
            f"no mains power, and its battery is nearly empty ({battery}): end what runs on it now",
            f"市电中断，电池即将耗尽（{battery}）：请立即关闭所接设备",
        )
    elif status.on_battery:
        found["mains"] = text(
            f"no mains power, it runs on its battery ({battery}): look at the fuse, end what can wait",
            f"市电中断，正在使用电池（{battery}）：请检查断路器，关闭不急用的设备",
        )
    elif status.flags & _BATTERY_LOW:
        found["battery"] = text(
            f"its battery is low ({battery}) though there is mains power: exchange it", f"市电正常但电池电量低（{battery}）：请更换电池"
        )
    if status.flags & _FAILED:
        found["failed"] = text("it reports a fault of its own: call its service", "设备报告自身故障：请联系维修")
    if status.flags & _BYPASS and not status.flags & _LINE_INTERACTIVE:  # of a line-interactive one it says that it corrects the voltage
        found["bypass"] = text(
            "on bypass: a power cut would not be bridged; look at its panel", "处于旁路状态，断电时无法供电：请查看设备面板"
        )
    return found


class Ups:
    """What the UPS said last, and what its silence means. Times are the loop's."""

    CAUSES: Final = ("empty", "mains", "battery", "failed", "bypass", "silent")

    def __init__(self, settings: Settings, branch: Branch, now: float) -> None:
        self._settings, self._branch = settings, branch
        self._troubles = Troubles(branch)
        self._flags: int | None = None  # of the answer before
        self._answered_at, self._noise = now, 0

    def take(self, status: Status | None, now: float) -> None:
        """Measure what an answer says; None is a line that is none."""
        if status is None:
            self._noise += 1
            return
        self._answered_at, self._noise = now, 0
        for sample in samples(status):
            self._branch.measured(sample)
        if status.flags == self._flags:  # there is no checksum: two in a row must say the same
            self._judge(troubles(status))
        self._flags = status.flags

    def _judge(self, standing: dict[str, Text]) -> None:
        for cause, reason in standing.items():
            self._troubles.began(cause, "faulty", reason)
        self._troubles.ended(*(cause for cause in self.CAUSES if cause not in standing))

    def check(self, now: float) -> None:
        """Tell when it has not answered for too long."""
        if (state := state_after(now - self._answered_at, self._settings.every_s)) != "online":
            self._troubles.began("silent", state, _SILENT[self._noise > 0])


_SILENT: Final = {
    False: text(
        "it does not answer: check its cable, and that it speaks Megatec's Q1", "没有应答：请检查线缆，并确认其支持 Megatec Q1 协议"
    ),
    True: text("it answers, but no line is sound: write `baud: 2400`, check the cable", "收到的数据无法识别：请设置 baud: 2400 并检查线缆"),
}


async def _hear(link: SerialLink, ups: Ups) -> None:
    buffer, loop = bytearray(), asyncio.get_running_loop()
    async for received in link:
        buffer += received
        for status in decode(buffer):
            ups.take(status, loop.time())


async def _ask(link: SerialLink, ups: Ups, every_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            await link.write(_ASK)
            ups.check(loop.time())
        except LinkDownError:
            pass  # the link tells of itself, and opens again
        await asyncio.sleep(every_s)


@driver("ups", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Ask the UPS until cancelled; the link reconnects by itself."""
    ups = Ups(settings, branch, asyncio.get_running_loop().time())
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        both.create_task(_hear(link, ups))
        both.create_task(_ask(link, ups, settings.every_s))
