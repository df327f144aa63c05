"""How an MQTT device says and takes a quantity: descriptions, and what they make of a document (format I)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from devices.driver import text
from devices.reading import Sample, Text, Value
from devices.wire.payload import ABSENT, at
from devices.wire.quantities import missing, reading

Word = str | bool | int | float


class Source(msgspec.Struct, frozen=True):
    """Where a quantity stands in what a device says; `{}` in a topic is the link's prefix, value = number x scale + offset."""

    topics: tuple[str, ...] = ("{}",)
    pointers: tuple[str, ...] = ("",)  # the first at which something stands counts
    scale: float = 1.0
    offset: float = 0.0
    words: Mapping[Word, Value] = {}  # what the device's words mean, where they are not ours
    always: bool = False  # it stands in every message of its topics, so that one without it is wrong
    off: tuple[tuple[str, Word], ...] = ()  # pointers and words by which it says that it is switched off: 0, whatever else stands there

    def said(self, document: Any) -> Any:
        """What `document` gives as the quantity, plausible or not, or `ABSENT` where it says nothing of it."""
        if any(same(at(document, pointer), word) for pointer, word in self.off):
            return 0
        found = next((raw for pointer in self.pointers if (raw := at(document, pointer)) is not ABSENT), ABSENT)
        if isinstance(found, str | bool):
            return self.words.get(found, found)
        if isinstance(found, int | float) and (self.scale, self.offset) != (1.0, 0.0):
            return round(scaled(found, self.scale, self.offset), 6)
        return found


class Target(msgspec.Struct, frozen=True):
    """Where a quantity is commanded, and the document that goes there."""

    topic: str
    document: Callable[[Value], Any]
    ask: Any = None  # a second document that makes a device say how it stands, where it does not by itself
    sender: str | None = None  # of remote calls: `src` in both, which makes the topic of the answers

    def documents(self, prefix: str, value: Value) -> list[Any]:
        """All that is to be published to have the quantity at `value`, in order."""
        sent = [self.document(value), *([self.ask] if self.ask is not None else [])]
        return sent if self.sender is None else [{**each, "src": self.sender.format(prefix)} for each in sent]


class Availability(msgspec.Struct, frozen=True):
    """Where a device (or its last will) says whether it is there; `{}` is the link's prefix."""

    topic: str
    online: tuple[Word, ...] = ("online",)
    offline: tuple[Word, ...] = ("offline",)
    pointer: str | None = None  # in the newer form, a JSON object

    def said(self, document: Any) -> bool | None:
        """Whether the device is there by `document`; None where that says neither."""
        word = at(document, self.pointer) if self.pointer and isinstance(document, dict) else document
        for there, words in ((True, self.online), (False, self.offline)):
            if any(same(word, one) for one in words):
                return there
        return None


def same(found: Any, word: Word) -> bool:
    """Whether `found` is that word: `True` is not 1 here, as it is not in JSON."""
    return type(found) is type(word) and bool(found == word)


class Preset(msgspec.Struct, frozen=True):
    """A kind of device: where its quantities stand, how it is told, how it says that it is there."""

    name: str
    sources: Mapping[str, Source]
    targets: Mapping[str, Target] = {}
    availability: Availability | None = None
    stale_after_s: float | None = None  # how long such a device may well say nothing, where that is longer than most


def scaled(number: float, scale: float, offset: float) -> float:
    """`number x scale + offset`; a number too long for that is infinite, and so in no range."""
    try:
        return float(number) * scale + offset
    except OverflowError:
        return float("inf")


def told(quantity: str, value: Value, scale: float = 1.0) -> Any:
    """`value` as the device takes it: times `scale`; what is commanded in per cent goes out as a whole number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    raw = value * scale
    return round(raw) if quantity.endswith("_pct") or raw == round(raw) else round(raw, 3)


def sample(quantity: str, source: Source, document: Any, topic: str) -> Sample | None:
    """The quantity as `document` says it: measured, missing with its reason, or None where it says nothing of it."""
    found = source.said(document)
    if found is not ABSENT:
        return reading(quantity, found, topic)
    return missing(quantity, _nothing_at(source.pointers[0], topic)) if source.always else None


def _nothing_at(pointer: str, topic: str) -> Text:
    return text(
        f"{topic}: nothing stands at {pointer}; check what the device publishes, and `quantities`",
        f"{topic}：消息中没有 {pointer}；请检查设备发布的内容和 quantities 配置",
    )


def agrees(quantity: str, wished: Value, said: Value) -> bool:
    """Whether a device that says `said` did what was `wished`: within a per cent, a twentieth of a degree, or just so."""
    if isinstance(wished, bool) or isinstance(said, bool) or not isinstance(wished, int | float) or not isinstance(said, int | float):
        return wished == said
    return abs(wished - said) <= (1.0 if quantity.endswith("_pct") else 0.05)
