"""Requests: what people and outside programs ask by `request/<verb>`, and how they are answered; pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import msgspec

VERBS: Final = (
    "issue_ticket",
    "call_next",
    "recall",
    "no_show",
    "transfer",
    "open_counter",
    "pause_counter",
    "close_counter",
    "set_climate",
    "release_climate",
    "acknowledge_alert",
    "restart_device",
    "capture",
    "reload",
)
LARGEST: Final = 16_384
_REMEMBERED: Final = 256
_EXAMPLE: Final = '{"counter": "1", "transaction": "a1"}'
_COPY_WITHIN_S: Final = 60.0
_LONGEST_TRANSACTION: Final = 256


class RequestError(Exception):
    """A request that cannot be read; the text says what one looks like."""


class Request(msgspec.Struct, frozen=True):
    """What is asked; `transaction` comes back with the answer and makes a copy a copy."""

    verb: str
    arguments: Mapping[str, Any]
    transaction: str | int | None = None


def read(verb: str, payload: bytes) -> Request:
    """The request in a message; an empty payload is one without arguments.

    Raises:
        RequestError: it is too large, no JSON object, or the verb is none of ours.
    """
    if verb not in VERBS:
        raise RequestError(f"no verb is called {verb!r}; there are {', '.join(VERBS)}")
    if len(payload) > LARGEST:
        raise RequestError(f"a request has at most {LARGEST} bytes")
    try:
        given = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"is no JSON: {error}; write for example {_EXAMPLE}") from error
    if not isinstance(given, dict):
        raise RequestError(f"is no JSON object; write for example {_EXAMPLE}")
    transaction = given.pop("transaction", None)
    if transaction is not None and not _names_one(transaction):
        raise RequestError(f"transaction is a text of at most {_LONGEST_TRANSACTION} characters, or a whole number")
    return Request(verb, given, transaction)


def transaction_of(payload: bytes) -> str | int | None:
    """The transaction of a request that is not done, as far as it can be read, so that its caller knows the answer."""
    try:
        given = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    transaction = given.get("transaction") if isinstance(given, dict) else None
    return transaction if _names_one(transaction) else None


def _names_one(transaction: object) -> TypeGuard[str | int]:
    if isinstance(transaction, str):
        return len(transaction) <= _LONGEST_TRANSACTION
    return isinstance(transaction, int) and not isinstance(transaction, bool)


def response(
    status: str, transaction: str | int | None, t: str, *, error: str | None = None, data: Mapping[str, Any] | None = None
) -> bytes:
    """An answer as it is published."""
    return msgspec.json.encode({"status": status, "error": error, "transaction": transaction, "data": data or {}, "t": t})


class Answered:
    """The last answers: a request that comes twice within a minute is done once and answered twice.

    A copy has the same verb, transaction and arguments: two callers may well number alike.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str | int, bytes], tuple[float, bytes]] = OrderedDict()

    def to(self, request: Request, now: float) -> bytes | None:
        """The answer that this request had already, or None; `now` in seconds of any steady clock."""
        at, answer = self._answers.get(_key(request), (-math.inf, b""))
        return answer if request.transaction is not None and now - at <= _COPY_WITHIN_S else None

    def keep(self, request: Request, answer: bytes, now: float) -> None:
        """Remember an answer."""
        if request.transaction is not None:
            self._answers[_key(request)] = (now, answer)
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)


def _key(request: Request) -> tuple[str, str | int, bytes]:
    return request.verb, request.transaction or 0, msgspec.json.encode(request.arguments, order="deterministic")
