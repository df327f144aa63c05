"""The customers of a simulated branch: who comes when, and what each then does; pure, the same seed gives the same day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from devices.simulated.scenario import CLOSES_H, OPENS_H, SERVICES, Scenario, arrivals_an_hour, midnight_of

_ONLY_TERMINAL: Final = 0.22  # of all customers
_PAIRS: Final = 0.18
_CARE, _VIP = 0.12, 0.05
_CARE_SERVICE: Final = 1.35  # how much longer a care customer is served
_RATES: Final = 0.35  # of those served
_TRANSFERRED: Final = 0.02
_APPOINTMENTS_A_DAY: Final = 10
_STAYS_AWAY: Final = 0.15  # of the appointments
_APPOINTMENT_S: Final = 1200.0  # how long an appointment's window is
_PATIENCE_MEDIAN_S, _PATIENCE_SPREAD, _PATIENCE_LEAST_S = 2700.0, 0.5, 420.0
_SERVICE_SPREAD: Final = 0.55  # sigma of the log-normal; bank services are skewed like this (Brown et al. 2005)


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as drawn before the day: what for, how patient, how long; times in seconds, `arrives_at` unix."""

    arrives_at: float
    service: str | None  # None: uses a terminal and leaves
    class_: str
    people: int  # 2: came with a companion
    patience_s: float
    service_s: float
    enter_s: float  # from the door to the ticket machine or terminal
    walk_s: float  # from the seat to the counter
    leave_s: float  # to the door
    rating: int | None  # what is pressed at the evaluator when asked
    transferred: bool  # turns out to need the counter's second service
    appointment: str | None = None


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment made before the day; `from_` and `until` are unix seconds."""

    id: str
    service: str
    from_: float
    until: float
    kept: bool


class Day(msgspec.Struct, frozen=True):
    """A whole day: customers in order of arrival, and the appointments that were made."""

    customers: tuple[Customer, ...]
    appointments: tuple[Appointment, ...]


def _log_normal(random: np.random.Generator, mean: float, spread: float) -> float:
    return float(random.lognormal(np.log(mean) - spread**2 / 2, spread))


def _class_of(random: np.random.Generator) -> str:
    drawn = random.random()
    return "care" if drawn < _CARE else "vip" if drawn < _CARE + _VIP else "normal"


def _service_of(random: np.random.Generator) -> str:
    names = list(SERVICES)
    return names[int(random.choice(len(names), p=[SERVICES[name].share for name in names]))]


def _rating(random: np.random.Generator) -> int | None:
    return int(random.choice([5, 4, 3, 2, 1], p=[0.6, 0.22, 0.1, 0.05, 0.03])) if random.random() < _RATES else None


def customer(
    random: np.random.Generator, arrives_at: float, *, service: str | None, class_: str, appointment: str | None = None
) -> Customer:
    """A customer who comes at `arrives_at`, everything else drawn."""
    longer = _CARE_SERVICE if class_ == "care" else 1.0
    mean_s = SERVICES[service].mean_s if service else 150.0
    return Customer(
        arrives_at=arrives_at,
        service=service,
        class_=class_,
        people=2 if random.random() < _PAIRS else 1,
        patience_s=max(_PATIENCE_LEAST_S, float(random.lognormal(np.log(_PATIENCE_MEDIAN_S), _PATIENCE_SPREAD))),
        service_s=min(3600.0, max(30.0, _log_normal(random, mean_s * longer, _SERVICE_SPREAD))),
        enter_s=float(random.uniform(5, 20)),
        walk_s=float(random.uniform(5, 15)) * longer,
        leave_s=float(random.uniform(6, 15)) * longer,
        rating=_rating(random),
        transferred=random.random() < _TRANSFERRED,
        appointment=appointment,
    )


def _walk_ins(random: np.random.Generator, midnight: float, scenario: Scenario) -> Iterator[Customer]:
    """A Poisson stream thinned to the day's profile (Lewis and Shedler 1979)."""
    most, t = 90.0 * max(scenario.crowd, 0.01), midnight + OPENS_H * 3600
    while (t := t + float(random.exponential(3600 / most))) < midnight + CLOSES_H * 3600:
        if random.random() * most < arrivals_an_hour(t, scenario):
            service = None if random.random() < _ONLY_TERMINAL else _service_of(random)
            yield customer(random, t, service=service, class_=_class_of(random))


def _appointments(random: np.random.Generator, midnight: float, scenario: Scenario) -> Iterator[Appointment]:
    for number in range(1, _APPOINTMENTS_A_DAY + 1):
        start = midnight + 3600 * float(random.integers(19, 32)) / 2  # 09:30, 10:00 ... 15:30
        kept, service = random.random() >= _STAYS_AWAY, _service_of(random)
        if arrivals_an_hour(start, scenario) > 0:
            yield Appointment(id=f"ap-{number:02d}", service=service, from_=start, until=start + _APPOINTMENT_S, kept=kept)


def day(seed: int, t: float, scenario: Scenario) -> Day:
    """The day that `t` (unix seconds) falls in."""
    midnight = midnight_of(t)
    random = np.random.default_rng((seed, int(midnight)))
    appointments = tuple(_appointments(random, midnight, scenario))
    kept = [
        customer(random, made.from_ + float(random.uniform(-300, 600)), service=made.service, class_="appointment", appointment=made.id)
        for made in appointments
        if made.kept
    ]
    arrived = sorted([*_walk_ins(random, midnight, scenario), *kept], key=lambda one: one.arrives_at)
    return Day(tuple(arrived), appointments)
