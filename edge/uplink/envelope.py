"""Envelope: every message of the line to head office as bytes and as records; pure (docs/line.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import msgspec

from edge.event import Lane
from edge.uplink.packing import LARGEST_MESSAGE, EnvelopeError, UnknownVersionError, packed, unpacked

VERSION: Final = 1
ROOT: Final = "headoffice/v1"
_BRANCH: Final = re.compile(r"[a-z0-9-]{1,64}")
_OBJECT: Final = ord("{")
_HIGHEST: Final = 2**53 - 1  # what every JSON reader holds exactly

SequenceNumber = Annotated[int, msgspec.Meta(ge=1, le=_HIGHEST)]
UpTo = Annotated[int, msgspec.Meta(ge=0, le=_HIGHEST)]
Epoch = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
TypeName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
SchemaVersion = Annotated[int, msgspec.Meta(ge=0, le=32_767)]


class Channel(StrEnum):
    """The last level of a topic of the line."""

    EVENTS = "events"
    ACK = "ack"
    RESEND = "resend"
    REFUSED = "refused"
    COMMAND = "command"


class WireEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as it travels; `t` is ISO 8601 with an offset, `data` the JSON object as it came."""

    type: TypeName
    v: SchemaVersion
    t: str
    data: msgspec.Raw
    was: tuple[Epoch, SequenceNumber] | None = None  # where it was numbered first, when its epoch was given up


class Batch(msgspec.Struct, frozen=True):
    """Events `first`, `first + 1`, … of one lane; none at all asks head office how far it is."""

    epoch: Epoch
    lane: Lane
    first: SequenceNumber
    events: tuple[WireEvent, ...]
    ask: UpTo = 0  # a number that the answer repeats, so that an edge knows an answer of now from an older one

    @property
    def last(self) -> int:
        """The highest sequence that it carries; `first - 1` when it carries none."""
        return self.first + len(self.events) - 1


class Gone(msgspec.Struct, frozen=True):
    """`gone` events from `first` on were given up by the edge; the gap is closed."""

    epoch: Epoch
    lane: Lane
    first: SequenceNumber
    gone: SequenceNumber

    @property
    def last(self) -> int:
        """The highest sequence that was given up."""
        return self.first + self.gone - 1


class Ack(msgspec.Struct, frozen=True):
    """Head office holds the lane up to here, committed; `generation` names this life of its database.

    `held` is the highest sequence that it holds at all, above gaps too; `answers` the `ask` of the batch that it answers.
    """

    epoch: Epoch
    lane: Lane
    up_to: UpTo
    generation: str
    held: UpTo = 0
    answers: UpTo = 0
    v: int = VERSION


class Resend(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Head office lacks `first` to `last` of the lane."""

    epoch: Epoch
    lane: Lane
    first: SequenceNumber
    last: SequenceNumber
    generation: str
    v: int = VERSION


class Refused(msgspec.Struct, frozen=True):
    """Head office holds another body under this key: two stores number under one epoch."""

    epoch: Epoch
    lane: Lane
    sequence: SequenceNumber
    reason: str
    v: int = VERSION


class Command(msgspec.Struct, frozen=True):
    """An order of head office for a branch; `signature` is base64 of Ed25519 over the rest (RFC 8785)."""

    id: str
    branch: str
    issuer: str
    verb: str
    arguments: dict[str, Any]
    reason: str
    expires: str
    key: str
    signature: str
    v: int = VERSION


Down = Ack | Resend | Refused


class _Up(msgspec.Struct):
    epoch: Epoch
    lane: Lane
    first: SequenceNumber
    events: list[WireEvent] | None = None
    ask: UpTo = 0
    gone: SequenceNumber | None = None


class _Versioned(msgspec.Struct):
    v: int


_versioned = msgspec.json.Decoder(_Versioned)
_up = msgspec.json.Decoder(_Up)
_event = msgspec.json.Decoder(WireEvent)
_encoder = msgspec.json.Encoder()
_PLAIN: Final = {Channel.ACK: Ack, Channel.RESEND: Resend, Channel.REFUSED: Refused, Channel.COMMAND: Command}
T = TypeVar("T")


def topic(branch: str, channel: Channel) -> str:
    """The topic of one channel of a branch."""
    return f"{ROOT}/{branch}/{channel}"


def branch_of(name: str) -> str:
    """The branch in a topic of the line.

    Raises:
        EnvelopeError: no such topic, or the id is not of `[a-z0-9-]`.
    """
    root, _, rest = name.partition(f"{ROOT}/")
    branch, _, channel = rest.partition("/")
    if root or channel not in set(Channel) or not _BRANCH.fullmatch(branch):
        raise EnvelopeError(f"topic {name[:200]!r} is none of the line; branch ids are [a-z0-9-], at most 64")
    return branch


def events_message(epoch: str, lane: Lane, first: int, events: Sequence[bytes], ask: int = 0) -> bytes:
    """The events (each as wire JSON) from `first` on as one message, packed where that pays; `ask` 0 is left out."""
    asking = f'"ask":{ask},' if ask else ""
    head = f'{{"v":{VERSION},"epoch":"{epoch}","lane":"{lane}",{asking}"first":{first},"events":['
    return packed(head.encode() + b",".join(events) + b"]}")


def gone_message(epoch: str, lane: Lane, first: int, gone: int) -> bytes:
    """That `gone` events from `first` on were given up."""
    return f'{{"v":{VERSION},"epoch":"{epoch}","lane":"{lane}","first":{first},"gone":{gone}}}'.encode()


def fitting(events: Sequence[bytes], limit: int = LARGEST_MESSAGE - 512) -> int:
    """How many of `events`, from the first on, go into one message; at least one."""
    size = 0
    for number, event in enumerate(events):
        size += len(event) + 1
        if size > limit and number:
            return number
    return len(events)


def parse_up(message: bytes) -> Batch | Gone:
    """What an edge says on `events`.

    Raises:
        UnknownVersionError: of another version of the line.
        EnvelopeError: no message of the line.
    """
    text = _checked(message)
    up = _decoded(_up, text)
    if up.gone is not None and up.events is None:
        return Gone(up.epoch, up.lane, up.first, up.gone)
    if up.events is None or up.gone is not None:
        raise EnvelopeError("has to have either events or gone")
    if up.first + len(up.events) - 1 > _HIGHEST:
        raise EnvelopeError("sequence above 2**53")
    for event in up.events:
        _check_event(event)
    return Batch(up.epoch, up.lane, up.first, tuple(up.events), up.ask)


def parse_down(channel: Channel, message: bytes) -> Down | Command:
    """What head office says on `channel`.

    Raises:
        EnvelopeError: no message of the line.
    """
    said: Down | Command = _decoded(_DECODERS[channel], _checked(message))
    return said


def parse_event(wire: bytes) -> WireEvent:
    """One event as it stands in a batch.

    Raises:
        EnvelopeError: it is none.
    """
    event = _decoded(_event, wire)
    _check_event(event)
    return event


def down_message(said: Down | Command) -> bytes:
    """A message of head office as bytes."""
    return _encoder.encode(said)


def channel_of(said: Down | Command) -> Channel:
    """Where a message of head office goes."""
    return next(channel for channel, kind in _PLAIN.items() if isinstance(said, kind))


_DECODERS: Final[dict[Channel, msgspec.json.Decoder[Any]]] = {channel: msgspec.json.Decoder(kind) for channel, kind in _PLAIN.items()}


def _checked(message: bytes) -> bytes:
    text = unpacked(message)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError(f"no UTF-8: {error.reason} at byte {error.start}") from error
    version = _decoded(_versioned, text).v
    if version != VERSION:
        raise UnknownVersionError(f"version {version}; this program knows {VERSION}")
    return text


def _decoded(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EnvelopeError(str(error)) from error


def _check_event(event: WireEvent) -> None:
    if memoryview(event.data)[0] != _OBJECT:
        raise EnvelopeError(f"data of {event.type} is no object")
    try:
        moment = datetime.fromisoformat(event.t)
    except ValueError as error:
        raise EnvelopeError(f"t of {event.type} is no ISO 8601 moment: {event.t[:40]!r}") from error
    if moment.tzinfo is None:
        raise EnvelopeError(f"t of {event.type} has no offset: {event.t[:40]!r}")
