"""Scenarios of a simulated day, and the layout of the branch that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import cos, pi, sin
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

TIMEZONE: Final = ZoneInfo("Asia/Shanghai")
CARE_COUNTER: Final = "1"


class Service(msgspec.Struct, frozen=True):
    """What customers come for: the letter of its tickets, its share of them, and how long it takes."""

    prefix: str
    share: float
    mean_s: float


SERVICES: Final[Mapping[str, Service]] = {"personal": Service("A", 0.85, 300.0), "corporate": Service("B", 0.15, 480.0)}
COUNTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "1": ("personal",),
    "2": ("personal",),
    "3": ("personal", "corporate"),
    "4": ("personal", "corporate"),
    "5": ("corporate", "personal"),
    "6": ("personal",),
}
COOLED: Final = ("hall", "counters")  # zones with an indoor unit, in the gateway's order
WINDOWS: Final[Mapping[int, str]] = {1: "1", 2: "2"}  # address of a window display -> counter
TERMINALS: Final[Mapping[str, str]] = {"vtm-01": "vtm", "atm-01": "atm", "kiosk-01": "kiosk"}

# Arrivals an hour over a working day: hour of day, customers an hour (a peak before noon, a dip at lunch, a second peak).
_HOURS: Final = (8.99, 9.0, 9.5, 11.0, 11.75, 12.75, 14.0, 15.5, 16.5, 16.9, 16.91)
_ARRIVALS: Final = (0.0, 60.0, 84.0, 80.0, 40.0, 40.0, 70.0, 62.0, 35.0, 20.0, 0.0)
_SATURDAY: Final = 0.6  # of a working day's customers
_LEAST_EVERY_S: Final = 1.0  # faster than this nothing reports, however fast the day
OPENS_H: Final = 9.0
CLOSES_H: Final = 17.0


class Scenario(msgspec.Struct, frozen=True):
    """A kind of day: how many come, who serves, what the weather is."""

    name: str
    crowd: float = 1.0  # of a usual day's customers
    staffed: tuple[str, ...] = tuple(COUNTERS)
    outdoor_c: float = 19.0  # mean of the day
    swing_c: float = 5.0  # half the difference of afternoon and night
    sun_w_m2: float = 550.0  # at noon
    humidity_pct: float = 60.0


SCENARIOS: Final[Mapping[str, Scenario]] = {
    found.name: found
    for found in (
        Scenario("weekday"),
        Scenario("payday", crowd=1.35),
        Scenario("heatwave", outdoor_c=34.0, swing_c=5.0, sun_w_m2=900.0, humidity_pct=65.0),
        Scenario("winter", outdoor_c=3.0, swing_c=4.0, sun_w_m2=300.0, humidity_pct=50.0),
        Scenario("few-staff", staffed=("1", "3", "5")),
    )
}


class Weather(msgspec.Struct, frozen=True):
    """The weather outside at a moment."""

    temperature_c: float
    relative_humidity_pct: float
    solar_w_m2: float


def every(period_s: float, speed: float) -> float:
    """How often (seconds of the machine's clock) what reports each `period_s` of the day does so at `speed`."""
    return max(min(period_s, _LEAST_EVERY_S), period_s / speed)


def hour_of(t: float) -> float:
    """The local hour of day of `t` (unix seconds), with its fraction."""
    local = datetime.fromtimestamp(t, TIMEZONE)
    return local.hour + local.minute / 60 + (local.second + local.microsecond / 1e6) / 3600


def midnight_of(t: float) -> float:
    """The local midnight before `t` (unix seconds)."""
    return datetime.fromtimestamp(t, TIMEZONE).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def arrivals_an_hour(t: float, scenario: Scenario) -> float:
    """How many customers an hour come at `t`; none on Sundays and outside the opening hours."""
    weekday = datetime.fromtimestamp(t, TIMEZONE).weekday()
    usual = float(np.interp(hour_of(t), _HOURS, _ARRIVALS, left=0.0, right=0.0))
    return usual * scenario.crowd * (1.0 if weekday < 5 else _SATURDAY if weekday == 5 else 0.0)


def weather_at(t: float, scenario: Scenario) -> Weather:
    """A clear day's weather: warmest at 15:00, the sun from 6:00 to 18:00."""
    hour = hour_of(t)
    warmth = cos(2 * pi * (hour - 15) / 24)
    sun = max(0.0, sin(pi * (hour - 6) / 12)) * scenario.sun_w_m2
    return Weather(scenario.outdoor_c + scenario.swing_c * warmth, scenario.humidity_pct - 10 * warmth, sun)
