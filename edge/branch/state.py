"""The state of the branch: frozen records; a day's state is the fold of its events, and readings are the newest heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from devices.reading import Quality, Text, Value


class Ticket(msgspec.Struct, frozen=True):
    """A ticket from issued to finished; times are unix seconds, None where it did not happen."""

    name: str
    service: str
    class_: str
    source: str
    issued_at: float
    state: str = "waiting"  # waiting | called | serving | held
    counter: str | None = None
    called_at: float | None = None
    started_at: float | None = None
    calls: int = 0  # how often called or recalled
    queued_at: float = 0.0  # since when it waits in this service: issued, or transferred
    inferred_gone: bool = False  # a ghost: its customer seems to have gone
    presumed_at: float | None = None  # since when that seems so
    overtaken: int = 0  # how many later ones of its service and class were called before it
    wait_s: float | None = None  # of this leg, from issue (or transfer) to its first call
    window: tuple[float, float] | None = None  # of an appointment: from and until when it has its precedence


class CounterState(msgspec.Struct, frozen=True):
    """A counter: closed | open | serving | paused, and whom it serves."""

    state: str = "closed"
    ticket: str | None = None
    since: float = 0.0
    confirms: bool = False  # someone there says when a service begins, so that it need not be inferred
    last_ticket: str | None = None  # whose service ended there last, and when: a rating may come after it
    last_at: float = 0.0


class QueueState(msgspec.Struct, frozen=True):
    """The queue of a day; `tickets` holds those not finished, in order of issue."""

    day: str = ""
    tickets: Mapping[str, Ticket] = msgspec.field(default_factory=dict)
    counters: Mapping[str, CounterState] = msgspec.field(default_factory=dict)
    last_number: Mapping[str, int] = msgspec.field(default_factory=dict)  # by prefix
    issued_today: Mapping[str, int] = msgspec.field(default_factory=dict)  # by service, as all below
    served_today: Mapping[str, int] = msgspec.field(default_factory=dict)
    abandoned_today: Mapping[str, int] = msgspec.field(default_factory=dict)
    no_show_today: Mapping[str, int] = msgspec.field(default_factory=dict)
    service_times_s: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)  # newest last, at most 50
    waits_s: Mapping[str, tuple[float, ...]] = msgspec.field(default_factory=dict)  # of those called, newest last, at most 50
    appointments: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    printing: Mapping[str, Ticket] = msgspec.field(default_factory=dict)  # asked for, and not known to be printed: nobody waits yet
    short_since: float | None = None  # since when far fewer people are seen than tickets wait; not folded


class People(msgspec.Struct, frozen=True):
    """People in a zone now; None when no source can see."""

    people: int | None = None
    quality: Quality = Quality.MISSING
    sources: tuple[str, ...] = ()
    t: float = 0.0


class Seen(msgspec.Struct, frozen=True):
    """What one source says of the people in a zone; `people` is None when it cannot see."""

    people: int | None
    t: float
    inferred: bool = False  # the source itself calls it a guess


class DoorCount(msgspec.Struct, frozen=True):
    """People through a door today by its source; `inside` is reconciled over all doors."""

    in_today: int = 0
    out_today: int = 0
    quality: Quality = Quality.MISSING
    last_seen: float = 0.0


class Compared(msgspec.Struct, frozen=True):
    """What a source that does not count saw at a door since `since`, and what the source that counts had then."""

    in_seen: int = 0
    out_seen: int = 0
    in_before: int = 0
    out_before: int = 0
    since: float = 0.0


class OccupancyState(msgspec.Struct, frozen=True):
    """People by zone and through doors; `totals` are the last running totals by `device/part/quantity`.

    `seen` (zone -> `rank device/part` -> what it sees), `compared` (by `door/device`) and `others` are the newest heard,
    not folded.
    """

    day: str = ""
    zones: Mapping[str, People] = msgspec.field(default_factory=dict)
    doors: Mapping[str, DoorCount] = msgspec.field(default_factory=dict)
    inside: int | None = None
    totals: Mapping[str, tuple[int, float]] = msgspec.field(default_factory=dict)  # total and when
    seen: Mapping[str, Mapping[str, Seen]] = msgspec.field(default_factory=dict)
    compared: Mapping[str, Compared] = msgspec.field(default_factory=dict)
    others: Mapping[str, tuple[int, float]] = msgspec.field(default_factory=dict)  # last totals of sources that do not count
    empty_since: float | None = None  # since when nobody is measured anywhere; not folded
    crossed_at: float = 0.0  # when somebody last went through a door


class Reading(msgspec.Struct, frozen=True):
    """The newest of a quantity from a device."""

    value: Value
    quality: Quality
    t: float
    device: str
    reason: Text | None = None


class PlantValue(msgspec.Struct, frozen=True):
    """A quantity that a device was told: what, when, why, what came of it, and the hand that overrides it."""

    commanded: Value = None
    commanded_at: float = 0.0
    why: Text = msgspec.field(default_factory=dict)
    until: float | None = None
    outcome: str = ""  # Outcome, empty while under way
    read_back: Value = None
    read_at: float = 0.0
    writes: tuple[float, ...] = ()  # when it was written, the last hour
    hand: Value = None  # what a person set
    hand_until: float | None = None  # until when that is respected


class ClimateState(msgspec.Struct, frozen=True):
    """Air and plant.

    `readings`: zone -> quantity -> newest (the zone `weather` is outside); `plant`: by `device/quantity` or
    `device/quantity/part`; `sensed`: zone -> quantity -> `device/part` -> newest, of which `readings` are made.
    """

    readings: Mapping[str, Mapping[str, Reading]] = msgspec.field(default_factory=dict)
    plant: Mapping[str, PlantValue] = msgspec.field(default_factory=dict)
    sensed: Mapping[str, Mapping[str, Mapping[str, Reading]]] = msgspec.field(default_factory=dict)


class DeviceState(msgspec.Struct, frozen=True):
    """A device: online | stale | faulty | offline | unknown, with a reason a person can act on."""

    state: str = "unknown"
    reason: Text | None = None
    since: float = 0.0
    last_seen: float | None = None
    told: str = "unknown"  # the state of the last event about it; flapping is damped between the two
    changes: tuple[float, ...] = ()  # when it changed lately
    facts: Mapping[str, Value] = msgspec.field(default_factory=dict)  # paper_pct, battery_v, firmware …
    told_reason: Text | None = None
    reported: str = "unknown"  # what its driver says, or its silence; `state` is that but for parents and flapping
    reported_reason: Text | None = None
    measures: bool = False  # it says something again and again, so that its silence means something
    parts: Mapping[str, str] = msgspec.field(default_factory=dict)  # by part (a bus address, a counter), those not online


class FleetState(msgspec.Struct, frozen=True):
    """All devices; silence is counted from `watched_from` at the earliest."""

    devices: Mapping[str, DeviceState] = msgspec.field(default_factory=dict)
    watched_from: float | None = None


class Alert(msgspec.Struct, frozen=True):
    """Something a person should see to, until it clears."""

    id: str
    severity: str  # minor | major | critical
    text: Text
    since: float
    acknowledged_by: str | None = None


class BranchState(msgspec.Struct, frozen=True):
    """What is so."""

    day: str = ""
    queue: QueueState = QueueState()
    occupancy: OccupancyState = OccupancyState()
    climate: ClimateState = ClimateState()
    fleet: FleetState = FleetState()
    alerts: Mapping[str, Alert] = msgspec.field(default_factory=dict)
    ticked_at: float | None = None  # the last tick; not folded
