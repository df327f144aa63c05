"""Requests: what people and outside programs ask by `request/<verb>`, and how they are answered; pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

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
_LARGEST: Final = 16_384
_REMEMBERED: Final = 256


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
    if len(payload) > _LARGEST:
        raise RequestError(f"a request has at most {_LARGEST} bytes")
    try:
        given = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f'is no JSON: {error}; write for example {{"counter": "1", "transaction": "a1"}}') from error
    if not isinstance(given, dict):
        raise RequestError('is no JSON object; write for example {"counter": "1", "transaction": "a1"}')
    transaction = given.pop("transaction", None)
    if not isinstance(transaction, str | int | None):
        raise RequestError("transaction is a text or a whole number")
    return Request(verb, given, transaction)


def response(
    status: str, transaction: str | int | None, t: str, *, error: str | None = None, data: Mapping[str, Any] | None = None
) -> bytes:
    """An answer as it is published."""
    return msgspec.json.encode({"status": status, "error": error, "transaction": transaction, "data": data or {}, "t": t})


class Answered:
    """The last answers by transaction: a request that comes twice is done once and answered twice."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str | int], bytes] = OrderedDict()

    def to(self, request: Request) -> bytes | None:
        """The answer that this request had already, or None."""
        return None if request.transaction is None else self._answers.get((request.verb, request.transaction))

    def keep(self, request: Request, answer: bytes) -> None:
        """Remember an answer."""
        if request.transaction is not None:
            self._answers[request.verb, request.transaction] = answer
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
