"""Co-simulation: the core of the branch driven line by line by an outside model; simulated time, no sockets, no sleeping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from devices.reading import Command, Occurrence, Outcome, Quality, Sample, Value
from devices.wire.heartbeat import heartbeat
from edge.branch.plan import Plan
from edge.branch.state import BranchState
from edge.clock import read, written
from edge.core import Core, Done
from edge.event import Event
from edge.ops.topics import payloads

_LONGEST_STEP_S: Final = 60.0
"""The clock is moved in steps no longer than this, so that what happens each minute happens."""


class _Reading(msgspec.Struct):
    device: str
    quantity: str
    value: Value = None
    part: str = ""
    quality: Quality | None = None
    t: str | float | None = None


class _Step(msgspec.Struct):
    t: str
    readings: list[_Reading] = []
    occurrences: list[dict[str, Any]] = []


_LONGEST_LEAP_S: Final = 31 * 86_400.0
_LAST_T: Final = 32_503_680_000.0  # the year 3000


_decode: Final = msgspec.json.Decoder(_Step)
_encode: Final = msgspec.json.Encoder()


class Cosimulation:
    """A branch whose hardware is an outside model. Commands are taken as done when the model's readings do not say otherwise."""

    def __init__(self, plan: Plan) -> None:
        self._plan = _patient(plan)
        self._core = Core(self._plan, BranchState())
        self._now: float | None = None
        self._numbers = 0

    def answer(self, line: str) -> dict[str, Any]:
        """What the branch does and is after one line; `{"error": …}` where the line cannot be read."""
        try:
            step = _decode.decode(line)
            now = _moment(step.t, self._plan)
            samples = [self._sample(reading, now) for reading in step.readings]
            beats = [given for given in step.occurrences if given.get("topic") == "heartbeat"]
            samples += [sample for given in beats for sample in self._beat(given, now)]
            occurrences = [self._occurrence(given, now) for given in step.occurrences if given not in beats]
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, KeyError) as error:
            return {"error": f'{error}; a line is {{"t": ISO time, "readings": […], "occurrences": […]}}'}
        if self._now is not None and now < self._now:
            return {"error": f"t goes back, to {step.t}; simulated time only goes on"}
        if self._now is not None and now > self._now + _LONGEST_LEAP_S:
            return {"error": f"t leaps by {(now - self._now) / 86_400:.0f} days, to {step.t}; 31 are the most between two lines"}
        heard: list[Sample | Occurrence] = [*samples, *occurrences]
        done = [*self._wait_until(now), *(self._core.take(one, now) for one in heard), self._core.tick(now)]
        return self._told(step.t, now, done)

    def written(self, answer: Mapping[str, Any]) -> str:
        """An answer as its line."""
        return _encode.encode(answer).decode()

    def _wait_until(self, now: float) -> Iterator[Done]:
        """Let the time between two lines pass."""
        at = self._now if self._now is not None else now
        self._now = now
        while at + _LONGEST_STEP_S < now:
            at += _LONGEST_STEP_S
            yield self._core.tick(at)

    def _sample(self, reading: _Reading, now: float) -> Sample:
        if reading.device not in self._plan.devices:
            raise ValueError(f"no device or camera is called {reading.device!r} in the branch's file")
        t = _moment(reading.t, self._plan) if isinstance(reading.t, str) else reading.t
        quality = reading.quality or (Quality.MISSING if reading.value is None else Quality.MEASURED)
        return Sample(reading.quantity, reading.value, reading.part, quality, t=t, device=reading.device, received=now)

    def _beat(self, given: Mapping[str, Any], now: float) -> Iterator[Sample]:
        """A terminal's heartbeat (format J): what it tells of itself, and whether it serves."""
        device = _device(given, self._plan)
        beat = heartbeat(given)
        for fact in beat.samples(f"heartbeat of {device}"):
            yield msgspec.structs.replace(fact, device=device, t=now, received=now)
        state = "online" if beat.trouble is None else "faulty"
        yield Sample("state", state, reason=beat.trouble, t=now, device=device, received=now)

    def _occurrence(self, given: dict[str, Any], now: float) -> Occurrence:
        self._numbers += 1
        occurrence = occurrence_of(given, self._plan, now)
        return msgspec.structs.replace(occurrence, identity=str(self._numbers), received=now)

    def _told(self, t: str, now: float, done: list[Done]) -> dict[str, Any]:
        self._core.foresee(now)
        commands = [command for one in done for command in one.commands]
        events = [event for one in done for event in one.events]
        for command in commands:
            events += self._core.outcome(command, Outcome.SENT, "co-simulated", now)
        state = payloads(self._plan, self._core.state, self._core.forecast, self._core.advice, now)
        return {"t": t, "commands": list(map(self._command, commands)), "events": list(map(self._event, events)), "state": state}

    def _command(self, command: Command) -> dict[str, Any]:
        until = written(command.until, self._plan.timezone) if command.until is not None else None
        part = {"part": command.part} if command.part else {}
        why = command.why or {"zh-CN": "叫号与显示", "en": "queue display"}
        return {"device": command.device, "quantity": command.quantity, "value": command.value, **part, "why": why, "until": until}

    def _event(self, event: Event) -> dict[str, Any]:
        return {"type": event.type, "v": event.v, "t": written(event.t, self._plan.timezone), "data": event.data}


def _patient(plan: Plan) -> Plan:
    """An outside model says what changes, however seldom: its silence is no trouble, and what it said last holds."""
    devices = {i: msgspec.structs.replace(device, stale_after_s=0.0) for i, device in plan.devices.items()}
    return msgspec.structs.replace(plan, devices=devices)


def occurrence_of(given: Mapping[str, Any], plan: Plan, now: float) -> Occurrence:
    """An occurrence as the outside writes it: `device`, `topic` and the fields of formats F and J.

    Raises:
        ValueError: it lacks something, or names a device that the branch does not have.
    """
    device, topic = _device(given, plan), given.get("topic")
    fields = {key: value for key, value in given.items() if key not in {"device", "topic"}}
    make = _TOPICS.get(str(topic))
    if make is None:
        raise ValueError(f"{topic!r} is not one of heartbeat, {', '.join(sorted(_TOPICS))}")
    kind, part, data = make(fields, plan)
    return Occurrence(kind, part, data, "", 0.0, t=now, device=device)


def _device(given: Mapping[str, Any], plan: Plan) -> str:
    device = given.get("device")
    if device not in plan.devices:
        raise ValueError(f"no device is called {device!r} in the branch's file")
    return str(device)


def _ticket(fields: dict[str, Any], plan: Plan) -> tuple[str, str, dict[str, Any]]:
    name = _needed(fields, "ticket")
    issued_at = fields.get("issued_at")
    data = {
        "ticket": name,
        "service": fields.get("service", ""),
        "prefix": name[:1],
        "number": int(name[1:]) if name[1:].isdigit() else 0,
        "class": fields.get("class", "normal"),
        "print": fields.get("print", "ok"),
        "issued_at": _moment(issued_at, plan) if issued_at is not None else None,
    }
    return "ticket.issued", "", data


def _call(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    counter = _needed(fields, "counter")
    return "ticket.called", counter, {"ticket": _needed(fields, "ticket"), "counter": counter, "action": fields.get("action", "call")}


def _key(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    return "key.pressed", _needed(fields, "counter"), {"key": _needed(fields, "key")}


def _rating(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    return "rating.given", _needed(fields, "counter"), {"rating": int(_needed(fields, "rating"))}


def _appointment(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    return "appointment.made", "", {"id": _needed(fields, "id"), **fields}


def _check_in(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    return "appointment.checked_in", "", {"id": _needed(fields, "id")}


def _fault(fields: dict[str, Any], _: Plan) -> tuple[str, str, dict[str, Any]]:
    faults = fields.get("faults", [])
    if not isinstance(faults, list):
        raise ValueError("faults is a list of texts")  # noqa: TRY004 (a wrong value of theirs, no type of ours)
    return "terminal.fault", "", {"faults": faults}


def _needed(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    if value is None or value == "":
        raise ValueError(f"an occurrence lacks {key!r}")
    if not isinstance(value, str | int):
        raise ValueError(f"{key} of an occurrence is a text, not {value!r}")  # noqa: TRY004 (a wrong value of theirs, no type of ours)
    return str(value)


def _moment(written_: object, plan: Plan) -> float:
    """Unix seconds of a moment as the outside writes it, in a year that a branch can live in."""
    try:
        t = read(written_, plan.timezone) if isinstance(written_, str) else float("nan")
    except OverflowError:
        t = float("nan")
    if not 0 <= t < _LAST_T:
        raise ValueError(f"{written_!r} is no moment; write for example 2026-11-24T09:30:00+08:00")
    return t


_TOPICS: Final = {
    "ticket": _ticket,
    "call": _call,
    "key": _key,
    "rating": _rating,
    "appointment": _appointment,
    "checkin": _check_in,
    "fault": _fault,
}
