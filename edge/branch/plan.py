"""The plan of the branch: what stands in `branch.yaml`, as plain facts for the functions that decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

from devices.reading import Text


class Service(msgspec.Struct, frozen=True):
    """What customers come for; tickets of it are its prefix and three digits."""

    id: str
    name: Text
    prefix: str
    target_wait_s: float = 600.0


class TicketClass(msgspec.Struct, frozen=True):
    """A class of customers and the seconds it is put ahead."""

    id: str
    name: Text
    credit_s: float = 0.0


class Counter(msgspec.Struct, frozen=True):
    """A counter, the services it gives (first choice first) and the class it serves before others."""

    id: str
    services: tuple[str, ...]
    zone: str | None = None
    first: str | None = None


class Zone(msgspec.Struct, frozen=True):
    """A part of the branch that has its own people and air; design values are None where not known."""

    id: str
    name: Text
    area_m2: float = 50.0
    height_m: float = 3.0
    cooling_kw: float | None = None
    heating_kw: float | None = None
    fresh_air_max_l_s: float | None = None


class Door(msgspec.Struct, frozen=True):
    """A door and the one device or camera whose count is its count."""

    id: str
    name: Text
    source: str
    others: tuple[str, ...] = ()  # compared with the source


class Device(msgspec.Struct, frozen=True):
    """A device (or camera): what drives it, the zone it serves, and through what it is reached."""

    id: str
    kind: str  # the driver's name, or `camera`
    name: Text
    zone: str | None = None
    parent: str | None = None
    quantities: tuple[str, ...] = ()  # what it can be commanded, where that is known from its settings
    stale_after_s: float = 120.0  # so long without a word is silence; 0: it speaks when it has something to say
    links_to: Mapping[str, str] = msgspec.field(default_factory=dict)  # a camera's line -> door; a part -> zone or counter

    def is_silent(self, heard_at: float, now: float) -> bool:
        """Whether what was heard last at `heard_at` is too old to be believed at `now` (unix seconds)."""
        return 0 < self.stale_after_s < now - heard_at


class Span(msgspec.Struct, frozen=True):
    """A span of opening hours within a day, seconds after midnight."""

    from_s: int
    to_s: int


class Hours(msgspec.Struct, frozen=True):
    """Opening hours: a week of spans (Monday first), and days that are exceptions."""

    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    closed_on: frozenset[str] = frozenset()  # YYYY-MM-DD
    open_on: frozenset[str] = frozenset()  # worked though its weekday is not: takes Monday's hours

    def spans(self, day: date) -> tuple[Span, ...]:
        """The spans of a local day."""
        if day.isoformat() in self.closed_on:
            return ()
        if day.isoformat() in self.open_on:
            return self.week[day.weekday()] or next((spans for spans in self.week if spans), ())
        return self.week[day.weekday()]

    def is_open(self, t: float, zone: tzinfo) -> bool:
        """Whether the branch is open at `t` (unix seconds)."""
        local = datetime.fromtimestamp(t, zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        return any(span.from_s <= second < span.to_s for span in self.spans(local.date()))

    def next_opening(self, t: float, zone: tzinfo) -> float | None:
        """When the branch opens next after `t`, within two weeks; None when it does not."""
        today = datetime.fromtimestamp(t, zone).date()
        for ahead in range(15):
            day = today + timedelta(days=ahead)
            for span in self.spans(day):
                opens = datetime.combine(day, time(), zone).timestamp() + span.from_s
                if opens > t:
                    return opens
        return None

    def closes_at(self, t: float, zone: tzinfo) -> float | None:
        """When the span that `t` falls in ends; None when the branch is closed at `t`."""
        local = datetime.fromtimestamp(t, zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        midnight = datetime.combine(local.date(), time(), zone).timestamp()
        return next((midnight + span.to_s for span in self.spans(local.date()) if span.from_s <= second < span.to_s), None)


class Plan(msgspec.Struct, frozen=True):
    """All of it; mappings keep the order of the file."""

    branch: str
    name: Text
    timezone: tzinfo
    language: str
    hours: Hours
    zones: Mapping[str, Zone]
    authority: str  # machine | smartbranch
    longest_wait_guard_s: float
    services: Mapping[str, Service]
    classes: Mapping[str, TicketClass]
    counters: Mapping[str, Counter]
    doors: Mapping[str, Door]
    devices: Mapping[str, Device]
    comfort: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Setpoints and limits of the rules, by name (`occupied_cool_c` …); edge/rules holds the defaults."""
