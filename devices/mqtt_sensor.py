"""MQTT sensors: a bare number or a JSON document, each quantity at its place in it (format I)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from devices.driver import Branch, DriverSettings, driver, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Quality, Sample, Text
from devices.wire.availability import availability_of, heed, silence_s, with_usual_silence
from devices.wire.description import Preset, Source, sample
from devices.wire.listening import Garbage, Silence, hear_all
from devices.wire.own_topics import own_topics
from devices.wire.payload import PayloadError, document, valid
from devices.wire.presets import preset_of
from devices.wire.quantities import known, missing, near
from devices.wire.troubles import Troubles

_EXPECTED: Final = ("a number or a JSON document", "数字或 JSON")

Pointer = Annotated[str, AfterValidator(valid)]
Name = Annotated[str, AfterValidator(known)]


class Place(BaseModel):
    """Where a quantity stands in the document; value = number x scale + offset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Pointer | None = None  # a JSON pointer; empty: the whole message; None: the quantity's own name, or as the preset says
    topic: str | None = None  # where it is not the link's
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.scale == 0:
            raise ValueError("a scale of 0 would make every value the offset")
        return self


def _place(written: Any) -> Any:
    return {"key": written} if isinstance(written, str) else written


def _places(written: Any) -> Any:
    return {name if isinstance(name, str) else repr(name): {} for name in written} if isinstance(written, list) else written


# one type behind both ways of writing, so that a mistake is told once and not once a way
Written = Annotated[Place, BeforeValidator(_place, json_schema_input_type=str | Place)]
_EitherWay = list[str] | dict[str, Written]
Places = Annotated[dict[Name, Written], Field(min_length=1), BeforeValidator(_places, json_schema_input_type=_EitherWay)]


class Settings(DriverSettings):
    """The topic, and the quantities that stand in its messages: by their names, or where."""

    link: MqttLink.Settings
    quantities: Places
    preset: str | None = None
    availability: str | None = None  # a topic that says `online` or `offline`

    def topics(self) -> tuple[str, ...]:
        return own_topics(
            self.link.mqtt,
            preset_of(self.link.mqtt, self.preset),
            (*(place.topic for place in self.quantities.values()), self.availability),
        )

    @model_validator(mode="before")
    @classmethod
    def _speaks_as_usual(cls, written: Any) -> Any:
        return with_usual_silence(written)

    @model_validator(mode="after")
    def _described(self) -> Self:
        preset = preset_of(self.link.mqtt, self.preset)
        if self.preset is None or preset is None:
            return self
        for name, place in self.quantities.items():
            if place == Place() and name not in preset.sources:
                raise ValueError(f"preset {preset.name} does not know where {name} stands; {near(name, preset.sources)}")
        return self


def sources(settings: Settings) -> dict[str, Source]:
    """Where each quantity stands: as it is written, as the preset says, or under its own name."""
    preset = preset_of(settings.link.mqtt, settings.preset)
    alone = len(settings.quantities) == 1  # may be the whole message too
    return {name: _source(name, place, preset, alone=alone) for name, place in settings.quantities.items()}


def _source(name: str, place: Place, preset: Preset | None, *, alone: bool) -> Source:
    if place == Place() and preset and name in preset.sources:
        return preset.sources[name]
    own = (f"/{name}", "") if alone else (f"/{name}",)
    return Source((place.topic or "{}",), own if place.key is None else (place.key,), place.scale, place.offset, always=True)


class Sensor:
    """One sensor: what its messages mean, and what is wrong with them."""

    def __init__(self, settings: Settings, branch: Branch) -> None:
        prefix = settings.link.mqtt
        preset = preset_of(prefix, settings.preset)
        self._branch = branch
        self._troubles = Troubles(branch)
        self.garbage = Garbage(branch, self._troubles)
        self._sources = sources(settings)
        self._places = {name: {topic.format(prefix) for topic in source.topics} for name, source in self._sources.items()}
        self._availability = availability_of(prefix, preset, settings.availability)
        self.silence = Silence(self._troubles, text(prefix, prefix), silence_s(settings.stale_after_s))

    @property
    def topics(self) -> set[str]:
        """All that is to be subscribed."""
        return set().union(*self._places.values(), {self._availability.topic} if self._availability else set())

    async def hear(self, message: Message) -> None:
        """Tell what a message says; never fails, whatever it is."""
        try:
            said = document(message.payload)
        except PayloadError as error:
            self._garbage(message.topic, str(error))
            return
        if self._availability and message.topic == self._availability.topic:
            if (away := heed(self._availability, said, message.topic, self._troubles)) is not None:
                self.unknown("offline", away)
            return
        told = list(self._samples(message.topic, said))
        for each in told:
            self._branch.measured(each)
        if told:
            self._judge(told, fresh=not message.retained)

    def _samples(self, topic: str, said: Any) -> Iterator[Sample]:
        for name, source in self._sources.items():
            if topic in self._places[name] and (found := sample(name, source, said, topic)) is not None:
                yield found

    def _judge(self, told: list[Sample], *, fresh: bool) -> None:
        """A message of which nothing is sound is told as a fault; the next sound one ends that."""
        reasons = [each.reason for each in told if each.quality is Quality.MISSING and each.reason is not None]
        over = {"silence", "away"} if fresh else set()  # what the broker kept says nothing of the device now
        if len(reasons) == len(told):
            self._troubles.began("garbage", "faulty", reasons[0])
        else:
            over.add("garbage")
        if fresh:
            self.silence.heard()
        self._troubles.ended(*over)

    def _garbage(self, topic: str, why: str) -> None:
        self.unknown("faulty", self.garbage.came(topic, why, _EXPECTED), topic)

    def unknown(self, _state: str, reason: Text, topic: str | None = None) -> None:
        """None of the quantities (of a topic) is known just now."""
        for name, places in self._places.items():
            if topic is None or topic in places:
                self._branch.measured(missing(name, reason))


@driver("mqtt_sensor", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear the sensor until cancelled; the link reconnects by itself."""
    sensor = Sensor(settings, branch)
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        await link.subscribe(*sorted(sensor.topics))
        both.create_task(hear_all(link, sensor.hear))
        both.create_task(sensor.silence.watch(sensor.unknown))
