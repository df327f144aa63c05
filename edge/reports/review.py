"""Review: a month's events (or a quarter's) as the figures of the service review; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo

import msgspec

from devices.reading import Text
from edge.branch.plan import Plan
from edge.event import Event
from edge.reports.air import Air, air
from edge.reports.fleet import Availability, availability
from edge.reports.spread import Spread, spread

CARE = "care"


class ReviewError(Exception):
    """The review cannot be made; the text says what to do."""


class ServiceFigures(msgspec.Struct, frozen=True):
    """One service (or class); a share is None where there was nobody to make it of."""

    id: str
    name: Text
    issued: int
    served: int
    no_show: int
    abandoned: int
    waits: Spread | None  # from issue to the first call
    within_target: float | None  # share of those called
    abandonment: float | None  # share of those whose ticket ended


class AlertFigures(msgspec.Struct, frozen=True):
    """One alert: how often it was raised, and how long it stood on average where it was cleared."""

    id: str
    times: int
    mean_s: float | None


class Review(msgspec.Struct, frozen=True):
    """The figures of a period; None is "not known", which is not nought."""

    branch: Text
    period: str
    events: int
    visitors: int | None  # people in by the doors
    tickets: int
    missed: int  # tickets that a machine gave and we did not hear of
    services: tuple[ServiceFigures, ...]
    classes: tuple[ServiceFigures, ...]
    care_waits: Spread | None
    busiest_hours: tuple[tuple[int, float], ...]  # hour of the day, tickets a day with tickets; the most first
    ratings: tuple[int, ...]  # how many gave 1, 2, 3, 4, 5
    rating_mean: float | None
    devices: tuple[Availability, ...]
    air: tuple[Air, ...]
    alerts: tuple[AlertFigures, ...]
    complaints: int | None = None  # nothing here hears of them


def bounds(month: str, zone: tzinfo) -> tuple[float, float]:
    """First moment of `2026-10` or `2026-Q4`, and first after it, unix seconds.

    Raises:
        ReviewError: it is neither.
    """
    year, _, part = month.partition("-")
    months = {f"Q{q}": (3 * q - 2, 3) for q in range(1, 5)} | {f"{m:02d}": (m, 1) for m in range(1, 13)}
    if not (year.isdecimal() and len(year) == 4 and int(year) > 0 and part in months):
        raise ReviewError(f"{month!r} is no month; write 2026-10, or 2026-Q4 for a quarter")
    first, count = months[part]
    after = first + count
    end = datetime(int(year) + after // 13, after if after <= 12 else after - 12, 1, tzinfo=zone)
    return datetime(int(year), first, 1, tzinfo=zone).timestamp(), end.timestamp()


def review(plan: Plan, events: Iterable[Event], month: str) -> Review:
    """The figures of `month` (`2026-10`, or `2026-Q4`); events of other times are passed over.

    Raises:
        ReviewError: `month` is none.
    """
    first, after = bounds(month, plan.timezone)
    within = sorted((event for event in events if first <= event.t < after), key=lambda event: event.t)
    tickets = _Tickets(plan)
    for event in within:
        tickets.take(event)
    ratings = [int(event.data["rating"]) for event in within if event.type == "rating.given"]
    crossings = [event for event in within if event.type == "door.crossed"]
    return Review(
        plan.name,
        month,
        len(within),
        sum(int(e.data.get("people", 1)) for e in crossings if e.data["direction"] == "in") if crossings else None,
        sum(tickets.issued["service"].values()),
        sum(int(event.data.get("count", 1)) for event in within if event.type == "ticket.missed"),
        tickets.by("service", {id_: service.name for id_, service in plan.services.items()}),
        tickets.by("class", {id_: class_.name for id_, class_ in plan.classes.items()}),
        spread(tickets.waits["class"].get(CARE, ())),
        _busiest(within, plan.timezone),
        tuple(ratings.count(rating) for rating in range(1, 6)),
        sum(ratings) / len(ratings) if ratings else None,
        availability(plan, within, after),
        air(plan, within),
        _alerts(within),
    )


class _Tickets:
    """Tickets as their events tell of them, by service and by class."""

    def __init__(self, plan: Plan) -> None:
        self._targets_s = {id_: service.target_wait_s for id_, service in plan.services.items()}
        self._of: dict[str, tuple[str, str]] = {}  # ticket -> service, class; a number given again is another ticket
        self.issued: dict[str, dict[str, int]] = {"service": {}, "class": {}}
        self.ended: dict[str, dict[tuple[str, str], int]] = {"service": {}, "class": {}}
        self.waits: dict[str, dict[str, list[float]]] = {"service": {}, "class": {}}
        self._within: dict[str, dict[str, int]] = {"service": {}, "class": {}}

    def take(self, event: Event) -> None:
        """An event, in order of time; one that is not of a ticket does nothing."""
        data = event.data
        if event.type == "ticket.issued":
            self._of[data["ticket"]] = (data["service"], data["class"])
            for kind, id_ in self._keys(data):
                self.issued[kind][id_] = self.issued[kind].get(id_, 0) + 1
        elif event.type == "ticket.called" and data.get("wait_s") is not None:
            self._waited(data, float(data["wait_s"]))
        elif event.type in ("ticket.finished", "ticket.no_show", "ticket.abandoned"):
            for kind, id_ in self._keys(data):
                self.ended[kind][event.type, id_] = self.ended[kind].get((event.type, id_), 0) + 1

    def _keys(self, data: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        service, class_ = self._of.get(str(data["ticket"]), ("", ""))
        return (("service", str(data.get("service") or service)), ("class", class_))

    def _waited(self, data: Mapping[str, object], wait_s: float) -> None:
        keys = self._keys(data)
        in_time = wait_s <= self._targets_s.get(keys[0][1], float("inf"))
        for kind, id_ in keys:
            self.waits[kind].setdefault(id_, []).append(wait_s)
            self._within[kind][id_] = self._within[kind].get(id_, 0) + in_time

    def by(self, kind: str, names: Mapping[str, Text]) -> tuple[ServiceFigures, ...]:
        """The figures of each service (or class), those of the plan first."""
        seen = [id_ for id_ in self.issued[kind] if id_ not in names]
        return tuple(self._figures(kind, id_, names.get(id_) or {"en": id_, "zh-CN": id_}) for id_ in (*names, *seen))

    def _figures(self, kind: str, id_: str, name: Text) -> ServiceFigures:
        served, no_show, abandoned = (self.ended[kind].get((f"ticket.{how}", id_), 0) for how in ("finished", "no_show", "abandoned"))
        ended = served + no_show + abandoned
        waits = self.waits[kind].get(id_, [])
        return ServiceFigures(
            id_,
            name,
            self.issued[kind].get(id_, 0),
            served,
            no_show,
            abandoned,
            spread(waits),
            self._within[kind].get(id_, 0) / len(waits) if waits else None,
            abandoned / ended if ended else None,
        )


def _busiest(events: Iterable[Event], zone: tzinfo) -> tuple[tuple[int, float], ...]:
    hours: dict[int, int] = {}
    days: set[str] = set()
    for event in events:
        if event.type == "ticket.issued":
            local = datetime.fromtimestamp(event.t, zone)
            days.add(local.date().isoformat())
            hours[local.hour] = hours.get(local.hour, 0) + 1
    return tuple((hour, count / len(days)) for hour, count in sorted(hours.items(), key=lambda pair: (-pair[1], pair[0])))


def _alerts(events: Iterable[Event]) -> tuple[AlertFigures, ...]:
    times: dict[str, int] = {}
    stood_s: dict[str, list[float]] = {}
    raised_at: dict[str, float] = {}
    for event in events:
        if event.type == "alert.raised":
            id_ = str(event.data["alert"])
            times[id_] = times.get(id_, 0) + 1
            raised_at.setdefault(id_, event.t)
        elif event.type == "alert.cleared" and (since := raised_at.pop(str(event.data["alert"]), None)) is not None:
            stood_s.setdefault(str(event.data["alert"]), []).append(event.t - since)
    ordered = sorted(times.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(AlertFigures(id_, n, sum(s) / len(s) if (s := stood_s.get(id_)) else None) for id_, n in ordered)
