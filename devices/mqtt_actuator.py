"""MQTT actuators: a quantity is set on one topic and read back on another (format I)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from devices.driver import Branch, DriverSettings, LinkDownError, driver, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Command, Outcome, Quality, Value
from devices.wire.availability import availability_of, heed, silence_s
from devices.wire.description import Source, Target, Word, agrees, sample, told
from devices.wire.listening import Garbage, Silence, hear_all
from devices.wire.own_topics import own_topics
from devices.wire.payload import PayloadError, at, document, encoded, holding, valid
from devices.wire.presets import preset_of
from devices.wire.quantities import COMMANDED, QUANTITIES, near, plausible, shortened
from devices.wire.troubles import Troubles

_EXPECTED: Final = ("the state of the device", "设备状态")


def _commanded(name: str) -> str:
    if name not in COMMANDED:
        raise ValueError(f"{name!r} cannot be commanded; {near(name, COMMANDED)}")
    return name


Name = Annotated[str, AfterValidator(_commanded)]
Pointer = Annotated[str, AfterValidator(valid)]


class Settings(DriverSettings):
    """What is set and read back: by a preset, or by topics and the key in their documents."""

    link: MqttLink.Settings
    quantity: Name | None = None
    quantities: tuple[Name, ...] = ()  # of a preset that has several, such as an air conditioner
    preset: str | None = None
    set: str | None = None  # the topic of commands
    state: str | None = None  # the topic on which the device says how it stands
    key: Pointer = ""  # a JSON pointer; empty: the message is the bare value
    scale: float = Field(default=1.0, allow_inf_nan=False)  # what the device says = value x scale
    word_on: str | None = None  # of a relay that takes words: e.g. ON
    word_off: str | None = None
    confirm_s: float = Field(default=10.0, gt=0, le=300)  # within this `state` must say so
    availability: str | None = None  # a topic that says `online` or `offline`
    stale_after_s: float | None = 0.0  # an actuator speaks when it is told something; 0: its silence means nothing

    def commanded(self) -> tuple[str, ...]:
        return (self.quantity,) if self.quantity else self.quantities

    def topics(self) -> tuple[str, ...]:
        return own_topics(self.link.mqtt, preset_of(self.link.mqtt, self.preset), (self.set, self.state, self.availability))

    @model_validator(mode="after")
    def _described(self) -> Self:
        if (self.quantity is None) == (not self.quantities):
            raise ValueError("give one `quantity`, or with a preset `quantities`")
        if self.scale == 0:
            raise ValueError("a scale of 0 would tell the device nothing")
        preset = preset_of(self.link.mqtt, self.preset)
        if self.set is not None or self.state is not None:
            return self._by_hand()
        if preset is None:
            raise ValueError("give the topics `set` and `state`, or a `preset`")
        for name in self.commanded():
            if name not in preset.targets:
                raise ValueError(f"preset {preset.name} cannot set {name}; {near(name, preset.targets)}")
        return self

    def _by_hand(self) -> Self:
        if self.preset is not None or self.set is None or self.quantity is None:
            raise ValueError("without a preset give `quantity`, the topic `set` and, where the device says how it stands, `state`")
        return self


def sources(settings: Settings) -> Mapping[str, Source]:
    """Where each quantity is read back."""
    preset = preset_of(settings.link.mqtt, settings.preset)
    if settings.set is None and preset is not None:
        return {name: preset.sources[name] for name in settings.commanded()}
    if settings.state is None or settings.quantity is None:
        return {}
    words: dict[Word, Value] = {word: value for word, value in ((settings.word_on, True), (settings.word_off, False)) if word is not None}
    return {settings.quantity: Source((settings.state,), (settings.key,), 1 / settings.scale, words=words)}


def targets(settings: Settings) -> Mapping[str, Target]:
    """Where each quantity is set."""
    preset = preset_of(settings.link.mqtt, settings.preset)
    if settings.set is None and preset is not None:
        return {name: preset.targets[name] for name in settings.commanded()}
    quantity, words = settings.quantity or "", {True: settings.word_on, False: settings.word_off}

    def one(value: Value) -> Any:
        word = words[value] if isinstance(value, bool) else None
        return holding(told(quantity, value, settings.scale) if word is None else word, settings.key)

    return {quantity: Target(settings.set or "", one)}


class _Wish:
    """A command under way: what is wished, and whether the device says so."""

    def __init__(self, quantity: str, value: Value) -> None:
        self.quantity, self.value = quantity, value
        self.said: Value = None  # what it said last, if anything
        self.agreed = asyncio.Event()


class Actuator:
    """One actuator: what it is told, and what it says of it."""

    def __init__(self, settings: Settings, branch: Branch, link: MqttLink) -> None:
        prefix = settings.link.mqtt
        preset = preset_of(prefix, settings.preset)
        self._settings, self._branch, self._link = settings, branch, link
        self._troubles = Troubles(branch)
        self.garbage = Garbage(branch, self._troubles)
        self._sources, self._targets = sources(settings), targets(settings)
        self._places = {name: {topic.format(prefix) for topic in source.topics} for name, source in self._sources.items()}
        self._availability = availability_of(prefix, preset if settings.set is None else None, settings.availability)
        self._wish: _Wish | None = None
        self.silence = Silence(self._troubles, text(prefix, prefix), silence_s(settings.stale_after_s))

    @property
    def topics(self) -> set[str]:
        """All that is to be subscribed."""
        availability = {self._availability.topic} if self._availability else set()
        return availability.union(*self._places.values())

    async def hear(self, message: Message) -> None:
        """Tell how the device says that it stands; never fails, whatever it says."""
        try:
            said = document(message.payload)
        except PayloadError as error:
            self.garbage.came(message.topic, str(error), _EXPECTED)
            return
        if self._availability and message.topic == self._availability.topic:
            heed(self._availability, said, message.topic, self._troubles)
            return
        for name, source in self._sources.items():
            if message.topic in self._places[name]:
                self._read(name, source, said, message)

    def _read(self, name: str, source: Source, said: Any, message: Message) -> None:
        if (read := sample(name, source, said, message.topic)) is None:
            return
        self._branch.measured(read)
        if read.quality is Quality.MISSING and read.reason is not None:
            self._troubles.began("garbage", "faulty", read.reason)
            return
        if message.retained:  # what the broker kept says nothing of the device now
            self._troubles.ended("garbage")
            return
        self.silence.heard()
        self._troubles.ended("garbage", "silence", "away", "unconfirmed")
        if self._wish is not None and self._wish.quantity == name:
            self._wish.said = read.value
            raw = next((found for pointer in source.pointers if isinstance(found := at(said, pointer), str)), None)
            if agrees(name, self._wish.value, read.value) or (raw is not None and raw == self._targets[name].document(self._wish.value)):
                self._wish.agreed.set()

    async def obey(self) -> None:
        """Do what the branch commands, and say what came of it as the device says."""
        async for command in self._branch.commands():
            outcome, detail = await self._try(command)
            self._branch.done(command, outcome, detail)

    async def _try(self, command: Command) -> tuple[Outcome, str]:
        if command.until is not None and command.until < self._branch.now():
            return Outcome.EXPIRED, ""
        if command.quantity not in self._targets:
            return Outcome.REFUSED, f"it cannot be told {command.quantity}, only {', '.join(self._targets)}"
        if plausible(command.quantity, command.value) is None:
            return Outcome.REFUSED, f"{command.quantity} needs {QUANTITIES[command.quantity].expected}, not {shortened(command.value)}"
        wish = self._wish = _Wish(command.quantity, command.value)
        try:
            return await self._set(wish)
        except LinkDownError as error:
            return Outcome.FAILED, str(error)
        finally:
            self._wish = None

    async def _set(self, wish: _Wish) -> tuple[Outcome, str]:
        target = self._targets[wish.quantity]
        for sent in target.documents(self._link.prefix, wish.value):
            await self._link.publish(target.topic.format(self._link.prefix), encoded(sent))
        if wish.quantity not in self._sources:
            return Outcome.SENT, ""
        try:
            async with asyncio.timeout(self._settings.confirm_s):
                await wish.agreed.wait()
        except TimeoutError:
            return Outcome.NOT_CONFIRMED, self._unconfirmed(wish)
        return Outcome.CONFIRMED, ""

    def _unconfirmed(self, wish: _Wish) -> str:
        within = f"within {self._settings.confirm_s:g} s"
        if wish.said is not None:
            return f"{wish.quantity} was to be {wish.value}, and {within} the device says {wish.said}"
        where = ", ".join(sorted(self._places[wish.quantity]))
        self._troubles.began(
            "unconfirmed",
            "stale",
            text(
                f"nothing came on {where} {within} of a command: check the device's power and its connection to the broker",
                f"发出指令后 {self._settings.confirm_s:g} 秒内 {where} 无回应：请检查设备电源及与 MQTT 代理的连接",
            ),
        )
        return f"nothing came on {where} {within}"


@driver("mqtt_actuator", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Tell the actuator what to do until cancelled; the link reconnects by itself."""
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        actuator = Actuator(settings, branch, link)
        if actuator.topics:
            await link.subscribe(*sorted(actuator.topics))
        both.create_task(hear_all(link, actuator.hear))
        both.create_task(actuator.obey())
        both.create_task(actuator.silence.watch())
