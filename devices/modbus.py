"""Modbus sensors, meters and air conditioners: registers by a profile over a shared line (format G)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from devices.driver import Branch, DriverSettings, LinkDownError, driver
from devices.links.modbus import ModbusLine, RefusedError, SilentError
from devices.reading import Command, Outcome
from devices.wire.profile import load, profiles
from devices.wire.quantities import QUANTITIES, missing, plausible, shortened
from devices.wire.registers import Profile, Register, encoded, requests
from devices.wire.slave import Judged, judge, pause_s, refused, sample, silence
from devices.wire.troubles import Troubles

__all__ = ["Settings", "profiles", "run"]

_LAST_REGISTER: Final = 0xFFFF
_GATEWAY_HEARS_NOBODY: Final = (10, 11)  # exception codes: the slave behind it is as silent as one on our own line
_HOUR_S: Final = 3600.0
_READ_BACK_EVERY_S: Final = 0.5


class Settings(DriverSettings):
    """The line, the slave's address on it, and the map of its registers."""

    link: ModbusLine.Settings
    profile: str  # a name of `profiles()`, or the path of a TOML file
    address: int = Field(default=1, ge=1, le=254)
    unit: int | None = Field(default=None, ge=0, le=0xFFFF)  # which indoor unit of a gateway
    every_s: float = Field(default=10.0, ge=0.1, le=3600)  # how often it is read
    timeout_s: float = Field(default=1.0, gt=0, le=10)
    retries: int = Field(default=3, ge=0, le=20)  # how often a silent slave is asked again before it counts as offline
    slowest_s: float = Field(default=60.0, gt=0, le=3600)  # a silent slave is asked at least this often
    confirm_s: float = Field(default=10.0, gt=0, le=120)  # within this a command must read back
    _map: Profile = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _doubted_later_where_it_is_asked_seldom(cls, written: Any) -> Any:
        every_s = written.get("every_s") if isinstance(written, Mapping) else None
        if not isinstance(every_s, int | float) or written.get("stale_after_s") is not None:
            return written
        return {**written, "stale_after_s": max(120.0, 4.0 * every_s)}

    @field_validator("profile")
    @classmethod
    def _readable(cls, name: str) -> str:
        load(name)
        return name

    @model_validator(mode="after")
    def _within_the_map(self) -> Self:
        self._map = load(self.profile)
        if self.unit is not None and self._map.stride is None:
            raise ValueError(f"profile {self.profile} is of a device without units: take `unit` away")
        last = max(span.stop - 1 for span in self._map.wanted()) + (self._map.stride or 0) * (self.unit or 0)
        if last > _LAST_REGISTER:
            raise ValueError(f"unit {self.unit} would lie at register {last}, and there are none above {_LAST_REGISTER}")
        return self

    @property
    def map(self) -> Profile:
        """The profile, as it was read with these settings."""
        return self._map

    def commanded(self) -> tuple[str, ...]:
        return self._map.writable


def refusal_of(command: Command, profile: Profile) -> str | None:
    """Why such a device cannot do `command`; None where it can."""
    if command.quantity not in profile.writable:
        return f"profile {profile.name} cannot be told {command.quantity}"
    if plausible(command.quantity, command.value) is None:
        return f"{command.quantity} needs {QUANTITIES[command.quantity].expected}, not {shortened(command.value)}"
    return None


class Slave:
    """One slave on the line: what it was told last, and how often it was silent."""

    def __init__(self, settings: Settings, branch: Branch, line: ModbusLine) -> None:
        self._settings, self._branch, self._line = settings, branch, line
        self._profile = settings.map
        self._base = (self._profile.stride or 0) * (settings.unit or 0)
        self._turn = asyncio.Lock()  # a poll never tells what a command has half written
        self._troubles = Troubles(branch)
        self._misses = 0
        self._written: dict[str, deque[float]] = {}

    async def poll_for_ever(self) -> None:
        """Read all that the profile names, again and again; less often while the slave is silent."""
        while True:
            async with self._turn:
                await self._poll()
            await asyncio.sleep(pause_s(self._misses, self._settings.every_s, self._settings.slowest_s))

    async def _poll(self) -> None:
        read: dict[int, int] = {}
        try:
            refusal = await self._read_into(read, self._profile.wanted())
        except LinkDownError:
            return  # the link tells of itself
        except SilentError:
            self._measured(judge(self._profile, read, self._settings.address))
            self._silent()
        else:
            self._misses = 0
            judged = judge(self._profile, read, self._settings.address)
            self._measured(judged)
            self._answered(judged, refusal)

    async def _read_into(self, read: dict[int, int], wanted: Iterable[range]) -> RefusedError | None:
        """Put what the slave answers into `read`; the first silence ends it, a refusal only that request."""
        refusal = None
        for span in requests(wanted, self._profile.most_registers, self._profile.most_gap):
            try:
                words = await self._line.read(
                    self._settings.address, self._profile.function, self._base + span.start, len(span), timeout_s=self._settings.timeout_s
                )
            except RefusedError as error:
                if error.code in _GATEWAY_HEARS_NOBODY:
                    raise SilentError(str(error)) from error
                refusal = error
            else:
                read.update(zip(span, words, strict=False))
        return refusal

    def _measured(self, judged: Judged) -> None:
        for told in judged.samples:
            self._branch.measured(told)

    def _answered(self, judged: Judged, refusal: RefusedError | None) -> None:
        over = {"silence", "refusal", "fault"}
        if refusal is not None:
            over.discard("refusal")
            self._troubles.began("refusal", "faulty", refused(self._settings.address, str(refusal)))
        if judged.fault is not None:
            over.discard("fault")
            self._troubles.began("fault", "faulty", judged.fault)
        self._troubles.ended(*over)

    def _silent(self) -> None:
        self._misses += 1
        if (judged := silence(self._misses, self._settings.retries, self._settings.address)) is None:
            return
        state, reason = judged
        if self._misses == self._settings.retries + 1:
            for register in self._profile.registers:
                self._branch.measured(missing(register.quantity, reason))
        self._troubles.began("silence", state, reason)

    async def obey_for_ever(self) -> None:
        """Do what the branch commands, and say what came of it as the slave reads back."""
        async for command in self._branch.commands():
            async with self._turn:
                outcome, detail = await self._try(command)
            self._branch.done(command, outcome, detail)

    async def _try(self, command: Command) -> tuple[Outcome, str]:
        if command.until is not None and command.until < self._branch.now():
            return Outcome.EXPIRED, ""
        if (refusal := refusal_of(command, self._profile)) is not None:
            return Outcome.REFUSED, refusal
        if self._misses > self._settings.retries:
            return Outcome.FAILED, f"Modbus address {self._settings.address} does not answer; it is asked again by itself"
        register = self._profile.of(command.quantity)
        try:
            return await self._set(register, encoded(register, command.value))
        except (ValueError, RefusedError) as error:
            return Outcome.REFUSED, str(error)
        except (LinkDownError, SilentError) as error:
            return Outcome.FAILED, str(error)

    async def _set(self, register: Register, wished: Mapping[int, int]) -> tuple[Outcome, str]:
        differing = await self._differing(register, wished)
        if not differing:
            return Outcome.CONFIRMED, "it was so already; nothing was written"
        if (wait_s := self._must_wait_s(register)) > 0:
            return Outcome.REFUSED, f"at most {register.writes_per_hour} writes of {register.quantity} an hour; the next in {wait_s:.0f} s"
        self._written.setdefault(register.quantity, deque(maxlen=register.writes_per_hour or 1)).append(asyncio.get_running_loop().time())
        await self._write(register, differing)
        return await self._read_back(register, wished)

    async def _differing(self, register: Register, wished: Mapping[int, int]) -> dict[int, int]:
        """Those of the words `wished` that the slave does not hold yet; its value as read is told."""
        read: dict[int, int] = {}
        power = [range(register.power, register.power + 1)] if register.power is not None else []
        if (refusal := await self._read_into(read, [register.registers, *power])) is not None:
            raise refusal
        self._branch.measured(sample(register, read, self._settings.address))
        return {at: word for at, word in wished.items() if read.get(at) != word}

    def _must_wait_s(self, register: Register) -> float:
        written = self._written.get(register.quantity)
        if written is None or register.writes_per_hour is None or len(written) < register.writes_per_hour:
            return 0.0
        return written[0] + _HOUR_S - asyncio.get_running_loop().time()

    async def _write(self, register: Register, words: Mapping[int, int]) -> None:
        """A number of two registers in one request (never half of it), the on/off register after the mode."""
        whole = [words[at] for at in register.registers if at in words]
        if len(whole) == register.count:
            await self._line.write(self._settings.address, self._base + register.register, whole, timeout_s=self._settings.timeout_s)
        if register.power is not None and register.power in words:
            at = self._base + register.power
            await self._line.write(self._settings.address, at, [words[register.power]], timeout_s=self._settings.timeout_s)

    async def _read_back(self, register: Register, wished: Mapping[int, int]) -> tuple[Outcome, str]:
        deadline = asyncio.get_running_loop().time() + self._settings.confirm_s
        while differing := await self._differing(register, wished):
            if asyncio.get_running_loop().time() >= deadline:
                where = ", ".join(f"0x{self._base + at:04X}" for at in differing)
                return Outcome.NOT_CONFIRMED, f"written, but after {self._settings.confirm_s:g} s register {where} does not read back so"
            await asyncio.sleep(_READ_BACK_EVERY_S)
        return Outcome.CONFIRMED, ""


@driver("modbus", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Read the slave and tell it what to do until cancelled; the line reconnects by itself."""
    async with branch.open(settings.link) as line, asyncio.TaskGroup() as both:
        slave = Slave(settings, branch, line)
        both.create_task(slave.poll_for_ever())
        both.create_task(slave.obey_for_ever())
