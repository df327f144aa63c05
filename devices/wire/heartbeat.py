"""What a terminal says of itself: heartbeats, faults and results of commands, decoded (format J)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from devices.driver import text
from devices.reading import Occurrence, Sample, Text
from devices.wire.faults import fault
from devices.wire.payload import PayloadError
from devices.wire.quantities import plausible, reading, shortened
from devices.wire.slave import joined

_FACTS: Final = ("paper_pct", "cash_pct", "uses_total", "uptime_s", "firmware")
_MOST_FAULTS: Final = 32
_LONGEST_CODE: Final = 64  # characters
COPY_WITHIN: Final = 256  # messages
COPY_WITHIN_S: Final = 600.0

_SERVICE: Final = {
    "in_service": None,
    "out_of_service": text("out of service: see to its faults, then put it back into service", "暂停服务：处理故障后恢复服务"),
    "maintenance": text("under maintenance: nothing to do until it is handed back", "正在维护：交还前无需处理"),
}


class Heartbeat(msgspec.Struct, frozen=True):
    """A heartbeat: whether it serves, its faults, and the facts it tells (null where it has no such thing)."""

    state: str
    faults: tuple[str, ...]
    facts: tuple[tuple[str, Any], ...]

    @property
    def trouble(self) -> Text | None:
        """Why it does not serve, or not well, and what to do; None where all is well."""
        service = _SERVICE[self.state]
        return joined([*([service] if service else []), *(fault(code) for code in self.faults)])

    @property
    def uptime_s(self) -> float | None:
        """How long it runs; None where it does not say, or not plausibly."""
        uptime = plausible("uptime_s", dict(self.facts).get("uptime_s"))
        return float(uptime) if isinstance(uptime, int | float) else None

    def samples(self, topic: str) -> Iterator[Sample]:
        """The facts as samples."""
        for name, said in self.facts:
            yield reading(name, said, topic)


class Result(msgspec.Struct, frozen=True):
    """What came of a command."""

    id: str
    ok: bool
    detail: str = ""


def heartbeat(said: Any) -> Heartbeat:
    """The heartbeat that the document `said` is.

    Raises:
        PayloadError: it is none; the text says why.
    """
    document = _object(said)
    state = document.get("state")
    if not isinstance(state, str) or state not in _SERVICE:
        raise PayloadError(f"its state is {shortened(state)}, none of {', '.join(_SERVICE)}")
    facts = tuple((name, document[name]) for name in _FACTS if document.get(name) is not None)
    return Heartbeat(state, _codes(document.get("faults", [])), facts)


def faults(said: Any) -> tuple[str, ...]:
    """The fault codes that a message on `fault` tells; empty where all are over.

    Raises:
        PayloadError: it is none; the text says why.
    """
    document = _object(said)
    if "faults" not in document:
        raise PayloadError("it names no `faults`")
    return _codes(document["faults"])


def result(said: Any) -> Result:
    """The result of a command.

    Raises:
        PayloadError: it is none; the text says why.
    """
    document = _object(said)
    name, ok, detail = document.get("id"), document.get("ok"), document.get("detail") or ""
    if not isinstance(name, str) or not isinstance(ok, bool):
        raise PayloadError("it has no `id` (a text) and `ok` (true or false)")
    return Result(name, ok, shortened(detail) if not isinstance(detail, str) else detail[:200])


def _object(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise PayloadError(f"{shortened(said)} is no JSON object")
    return said


def _codes(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list) or len(said) > _MOST_FAULTS:
        raise PayloadError(f"`faults` is {shortened(said)}, not a list of at most {_MOST_FAULTS} codes")
    for code in said:
        if not isinstance(code, str) or not 0 < len(code) <= _LONGEST_CODE or not code.isprintable():
            raise PayloadError(f"{shortened(code)} is no fault code")
    return tuple(dict.fromkeys(said))


def identity(said: Any) -> str:
    """What makes a copy a copy: the content, its `seq` in it."""
    return hashlib.blake2s(msgspec.json.encode(said, order="deterministic"), digest_size=16).hexdigest()


def occurred(kind: str, said: Any, codes: Sequence[str] | None = None) -> Occurrence:
    """What happened at the terminal by the message `said`."""
    data = {} if codes is None else {"faults": list(codes)}
    return Occurrence(kind, "", data, identity=f"{kind}:{identity(said)}", copy_within_s=COPY_WITHIN_S, copy_within=COPY_WITHIN)
