"""Review: figures by hand from a few events, what is not known said so, and a page that needs no other file."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.branch.plan import Device, Hours, Plan, Service, Span, TicketClass, Zone
from edge.event import Event
from edge.reports.page import html
from edge.reports.review import Review, ReviewError, bounds, review
from edge.reports.words import WORDS

ZONE = ZoneInfo("Asia/Shanghai")
PLAN = Plan(
    "nanjing-road",
    {"en": "Nanjing Road", "zh-CN": "南京路支行"},
    ZONE,
    "zh-CN",
    Hours(((Span(9 * 3600, 17 * 3600),),) * 5 + ((), ())),
    {"hall": Zone("hall", {"en": "Hall", "zh-CN": "大厅"})},
    "smartbranch",
    2400.0,
    {"personal": Service("personal", {"en": "Personal", "zh-CN": "个人"}, "A", 600.0)},
    {"normal": TicketClass("normal", {"en": "Normal"}), "care": TicketClass("care", {"en": "Care"}, 600.0)},
    {},
    {},
    {"vtm": Device("vtm", "terminal", {"en": "VTM"}), "meter": Device("meter", "modbus", {"en": "<Meter> & co"})},
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def event(type_: str, time: str, **data: Any) -> Event:
    return Event(type_, at(time), data)


def ticket(name: str, class_: str, issued: str, wait_s: float | None, end: str) -> list[Event]:
    t = at(issued)
    told = {"ticket": name, "service": "personal"}
    events = [Event("ticket.issued", t, {**told, "class": class_, "source": "kiosk"})]
    if wait_s is not None:
        events.append(Event("ticket.called", t + wait_s, {**told, "counter": "1", "wait_s": wait_s}))
    return [*events, Event(end, t + (wait_s or 0) + 300, {**told, "counter": "1"})]


EVENTS = [
    *ticket("A001", "normal", "2026-10-05T09:00", 300.0, "ticket.finished"),
    *ticket("A002", "care", "2026-10-05T09:10", 100.0, "ticket.finished"),
    *ticket("A003", "normal", "2026-10-05T10:00", 900.0, "ticket.no_show"),
    *ticket("A004", "normal", "2026-10-06T09:30", None, "ticket.abandoned"),
    event("ticket.missed", "2026-10-06T09:31", source="kiosk", count=2),
    event("rating.given", "2026-10-05T09:20", counter="1", rating=5, ticket="A001"),
    event("rating.given", "2026-10-05T09:30", counter="1", rating=2, ticket="A002"),
    event("door.crossed", "2026-10-05T09:00", door="main", direction="in", people=3, source="beam"),
    event("door.crossed", "2026-10-05T09:40", door="main", direction="out", people=2, source="beam"),
    event("device.online", "2026-10-05T00:00", device="vtm", reason=None),
    event("device.offline", "2026-10-05T10:00", device="vtm", reason={}),
    event("device.online", "2026-10-05T11:00", device="vtm", reason=None),
    event("climate.sampled", "2026-10-05T09:05", zone="hall", co2_ppm=900, temperature_c=24.0),
    event("climate.sampled", "2026-10-05T09:10", zone="hall", co2_ppm=1100, temperature_c=28.0),
    event("climate.sampled", "2026-10-05T22:00", zone="hall", co2_ppm=3000, temperature_c=40.0),  # closed
    event("alert.raised", "2026-10-05T10:00", alert="device-vtm", severity="major", text={}),
    event("alert.cleared", "2026-10-05T11:00", alert="device-vtm", severity="major", text={}),
    event("alert.raised", "2026-10-05T12:00", alert="co2-hall", severity="minor", text={}),
    event("day.began", "2026-10-07T00:00", day="2026-10-07"),
    event("rating.given", "2026-11-01T00:00", counter="1", rating=1, ticket="A001"),  # another month
    event("rating.given", "2026-09-30T23:59", counter="1", rating=1, ticket="A001"),
]


@pytest.fixture(scope="module")
def october() -> Review:
    return review(PLAN, reversed(EVENTS), "2026-10")


def test_tickets(october: Review) -> None:
    (personal,) = october.services
    assert (personal.issued, personal.served, personal.no_show, personal.abandoned) == (4, 2, 1, 1)
    assert personal.waits is not None
    assert (personal.waits.count, personal.waits.p50_s) == (3, 300.0)
    assert personal.waits.mean_s == pytest.approx(1300 / 3)
    assert personal.within_target == pytest.approx(2 / 3)
    assert personal.abandonment == 0.25
    assert {c.id: c.issued for c in october.classes} == {"normal": 3, "care": 1}
    assert october.care_waits is not None
    assert october.care_waits.p50_s == 100.0
    assert (october.tickets, october.missed) == (4, 2)
    assert october.busiest_hours == ((9, 1.5), (10, 0.5))


def test_people_devices_air_and_alerts(october: Review) -> None:
    assert (october.visitors, october.ratings, october.rating_mean) == (3, (0, 1, 0, 0, 1), 3.5)
    vtm, meter = october.devices
    assert (vtm.failures, vtm.down_s, vtm.mean_time_to_repair_s) == (1, 3600.0, 3600.0)
    assert vtm.availability == pytest.approx(1 - 1 / 48)
    assert (meter.availability, meter.mean_time_to_repair_s) == (None, None)
    (hall,) = october.air
    assert (hall.samples, hall.co2_within, hall.co2_max_ppm) == (2, 0.5, 1100.0)
    assert (hall.temperature_within, hall.temperature_min_c, hall.temperature_max_c) == (0.5, 24.0, 28.0)
    assert [(a.id, a.times, a.mean_s) for a in october.alerts] == [("co2-hall", 1, None), ("device-vtm", 1, 3600.0)]


def test_nothing_is_not_nought() -> None:
    empty = review(PLAN, [], "2026-10")
    assert (empty.visitors, empty.care_waits, empty.rating_mean, empty.complaints) == (None, None, None, None)
    assert empty.services[0].within_target is None
    assert html(empty, "en").count("not known") > 10
    assert html(empty, "zh-CN").count("未知") > 10


@pytest.mark.parametrize(
    ("month", "first", "after"),
    [("2026-10", "2026-10-01", "2026-11-01"), ("2026-12", "2026-12-01", "2027-01-01"), ("2026-Q4", "2026-10-01", "2027-01-01")],
)
def test_bounds(month: str, first: str, after: str) -> None:
    assert bounds(month, ZONE) == (at(first), at(after))


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-Q5", "26-01", "2026-1", "0000-01", "next"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(ReviewError, match="no month"):
        review(PLAN, [], month)


class Tags(HTMLParser):
    """Counts what is open and remembers what could fetch another file."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [f"{tag} {name}" for name, _ in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["zh-CN", "en", "fr"])
def test_the_page_is_whole_and_stands_alone(october: Review, language: str) -> None:
    page, tags = html(october, language), Tags()
    tags.feed(page)
    assert (tags.open, tags.outside) == ([], [])
    assert "url(" not in page
    assert "&lt;Meter&gt; &amp; co" in page
    assert ("服务回顾" in page) is (language == "zh-CN")
    assert "@media print" in page


def test_every_word_is_in_both_languages() -> None:
    assert all(set(both) == {"en", "zh-CN"} for both in WORDS.values())
    assert all(re.findall(r"{[^}]*}", both["en"]) == re.findall(r"{[^}]*}", both["zh-CN"]) for both in WORDS.values())


@given(st.permutations(EVENTS))
def test_the_order_in_which_events_are_read_does_not_matter(events: list[Event]) -> None:
    assert review(PLAN, events, "2026-10") == review(PLAN, EVENTS, "2026-10")
