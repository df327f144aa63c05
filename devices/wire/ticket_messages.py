"""Messages of a ticket machine or appointment desk over MQTT, and what they mean (format F); pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from devices.reading import Occurrence
from devices.wire.payload import PayloadError, document
from devices.wire.ticket_names import named, parted

OURS: Final = "smartbranch"
"""`by` of a call that we published ourselves and hear again."""

_COPY_WITHIN_S: Final = 600.0
_COPY_WITHIN: Final = 256
_PRINTS: Final = frozenset({"ok", "failed", "unknown"})
_ACTIONS: Final = frozenset({"call", "recall", "serve", "finish", "no_show", "transfer", "hold"})

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Number = Annotated[int, msgspec.Meta(ge=0)]


class Ticket(msgspec.Struct, frozen=True):
    """A ticket was issued."""

    ticket: _Id
    service: str = ""
    class_: str = msgspec.field(name="class", default="normal")
    issued_at: str | float | None = None
    print: str = "unknown"
    seq: _Number | None = None


class Call(msgspec.Struct, frozen=True):
    """A ticket was called, or what else became of it at a counter."""

    ticket: _Id
    counter: _Id | int = ""
    action: str = "call"
    at: str | float | None = None
    seq: _Number | None = None
    by: str = ""


class Appointment(msgspec.Struct, frozen=True):
    """An appointment was made."""

    id: _Id | int
    service: str = ""
    class_: str = msgspec.field(name="class", default="appointment")
    from_: str | float | None = msgspec.field(name="from", default=None)
    until: str | float | None = None
    seq: _Number | None = None


class CheckIn(msgspec.Struct, frozen=True):
    """The customer of an appointment is here."""

    id: _Id | int
    seq: _Number | None = None


class Status(msgspec.Struct, frozen=True):
    """Whether the machine is there, and how its paper (good | near_end | end) and cover are, where it says so."""

    state: str
    paper: str | None = None
    cover: str | None = None
    fault: str | int | None = None


class Said(msgspec.Struct, frozen=True):
    """What a message says happened, and its number; None and None where it was our own."""

    happened: Occurrence | None
    seq: int | None = None


def said(kind: str, payload: bytes) -> Said:
    """What a message on `<prefix>/<kind>` says; `kind` is one of `KINDS`.

    Raises:
        PayloadError: it says nothing of that kind; the text says why.
    """
    found = document(payload)
    message = _of(found, KINDS[kind])
    if isinstance(message, Call) and message.by == OURS:
        return Said(None)
    seq: int | None = getattr(message, "seq", None)
    try:
        happened = _MEANINGS[type(message)](message)
    except ValueError as error:
        raise PayloadError(str(error)) from None
    content = hashlib.blake2b(msgspec.json.encode(found, order="deterministic"), digest_size=12).hexdigest()
    return Said(msgspec.structs.replace(happened, identity=f"{kind} {seq} {content}"), seq)


def status(payload: bytes) -> Status:
    """What `<prefix>/status` says: the bare word `online` or `offline`, or an object with `state`.

    Raises:
        PayloadError: neither.
    """
    found = document(payload)
    heard = Status(found) if isinstance(found, str) else _of(found, Status)
    if heard.state not in ("online", "offline"):
        raise PayloadError(f"its state is {heard.state[:40]!r}, neither online nor offline")
    return heard


def acknowledgement(seq: int) -> bytes:
    """What `<prefix>/ack` says once the message `seq` is kept."""
    return msgspec.json.encode({"seq": seq})


def call(order: Mapping[str, Any], now: float) -> bytes:
    """What `<prefix>/call` says of a call that smartbranch made at `now` (unix seconds).

    Raises:
        ValueError: it is no call.
    """
    parted(str(order.get("ticket")))
    if order.get("action", "call") not in _ACTIONS:
        raise ValueError(f"the machine knows no {order.get('action')!r}")
    kept = {key: order[key] for key in ("ticket", "counter", "action") if key in order}
    return msgspec.json.encode({**kept, "at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"), "by": OURS})


def _of(found: Any, type_: type[Any]) -> Any:
    try:
        return msgspec.convert(found, type_)
    except msgspec.ValidationError as error:
        raise PayloadError(str(error)) from None


def _moment(written: str | float | None) -> str | float | None:
    """Unix seconds; a local time stays as it is written, None is what is no time."""
    if not isinstance(written, str):
        return written
    try:
        moment = datetime.fromisoformat(written)
        return moment.timestamp() if moment.tzinfo else written
    except (ValueError, OverflowError):
        return None


def _name(written: str) -> str:
    return named(*parted(written))


def _once(kind: str, part: str, data: Mapping[str, Any], t: str | float | None = None) -> Occurrence:
    """Where it says when it happened, the same number with the same content is a copy however many came between."""
    copy_within = None if t else _COPY_WITHIN
    return Occurrence(
        kind, part, data, "", copy_within_s=_COPY_WITHIN_S, copy_within=copy_within, t=t if isinstance(t, int | float) else None
    )


def _issued(message: Ticket) -> Occurrence:
    prefix, number = parted(message.ticket)
    issued_at = _moment(message.issued_at)
    data = {
        "ticket": named(prefix, number),
        "service": message.service,
        "prefix": prefix,
        "number": number,
        "class": message.class_,
        "print": message.print if message.print in _PRINTS else "unknown",
        "issued_at": issued_at,
    }
    return _once("ticket.issued", "", data, issued_at)


def _called(message: Call) -> Occurrence:
    if message.action not in _ACTIONS:
        raise ValueError(f"its action is {message.action[:40]!r}, none of {', '.join(sorted(_ACTIONS))}")
    counter = str(message.counter)
    at = _moment(message.at)
    return _once("ticket.called", counter, {"ticket": _name(message.ticket), "counter": counter, "action": message.action, "at": at}, at)


def _appointed(message: Appointment) -> Occurrence:
    data = {
        "id": str(message.id),
        "service": message.service,
        "class": message.class_,
        "from": _moment(message.from_),
        "until": _moment(message.until),
    }
    return _once("appointment.made", "", data)


def _checked_in(message: CheckIn) -> Occurrence:
    return _once("appointment.checked_in", "", {"id": str(message.id)})


KINDS: Final[Mapping[str, type[Any]]] = {"ticket": Ticket, "call": Call, "appointment": Appointment, "checkin": CheckIn}
"""The last word of each topic on which something is said to have happened."""

_MEANINGS: Final[Mapping[type[Any], Callable[[Any], Occurrence]]] = {
    Ticket: _issued,
    Call: _called,
    Appointment: _appointed,
    CheckIn: _checked_in,
}
