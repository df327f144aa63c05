"""The vocabulary of the wire: what a device measures, what happens at it, what it is told, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Value = float | int | str | bool | None
Text = Mapping[str, str]
"""What people read: one string a language, `{"zh-CN": …, "en": …}`."""


class Quality(StrEnum):
    """How a value came to be: read from a device, concluded from others, or not known."""

    MEASURED = "measured"
    INFERRED = "inferred"
    MISSING = "missing"


class Sample(msgspec.Struct, frozen=True):
    """What a device measures again and again; under overload the newest of a quantity replaces the older.

    `quantity` is a name of design 4.5 (`temperature_c`, `in_total` …), or `state`, whose value is online, stale,
    faulty or offline with the `reason` that a person can act on. The driver leaves `device` and `received` empty;
    the branch it is handed fills them in.
    """

    quantity: str
    value: Value
    part: str = ""  # which of several of that quantity: a zone, a line, a bus address
    quality: Quality = Quality.MEASURED
    reason: Text | None = None  # why it is missing or faulty, and what to do
    wraps_at: int | None = None  # of a running total: where the device's counter begins again at 0
    t: float | None = None  # the device's own time, unix seconds
    device: str = ""
    received: float = 0.0  # unix seconds


class Occurrence(msgspec.Struct, frozen=True):
    """What happened once at a device: a key, a ticket, a rating; never dropped, and counted once.

    A copy is the same `identity` from the same device within `copy_within_s` of the last copy (or of its answer) and,
    where `copy_within` is given, within that many occurrences of the device; `copy_after_restart_s` replaces
    `copy_within_s` for what was committed before a restart. Time that the box was down does not count.
    """

    kind: str
    part: str
    data: Mapping[str, Any]
    identity: str
    copy_within_s: float
    copy_within: int | None = None
    copy_after_restart_s: float | None = None
    t: float | None = None  # the device's own time, unix seconds
    device: str = ""
    received: float = 0.0  # unix seconds


class Command(msgspec.Struct, frozen=True):
    """What should be done by a device, why, and until when (unix seconds) it is worth doing."""

    quantity: str
    value: Value
    part: str = ""
    device: str = ""
    why: Text = msgspec.field(default_factory=dict)
    until: float | None = None
    id: str = ""


class Outcome(StrEnum):
    """What came of a command."""

    SENT = "sent"  # written to the wire; the device cannot be read back
    CONFIRMED = "confirmed"  # read back from the device, and it says so
    NOT_CONFIRMED = "not_confirmed"  # written, and the device says otherwise or nothing
    REFUSED = "refused"  # the device or a limit forbids it
    EXPIRED = "expired"  # its time was over before it could be sent
    FAILED = "failed"  # the line or the device is away


class Frame(msgspec.Struct, frozen=True):
    """One picture of a camera: `pixels` is rows x columns x 3 uint8, BGR; it never leaves the box."""

    camera: str
    number: int  # counted from 0 since the camera was opened
    t: float  # seconds: of the recording, or unix time of a live camera
    pixels: NDArray[np.uint8]
