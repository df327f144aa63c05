"""The day of the customers: the same from the same seed, in the opening hours, as many as the profile says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulated.customers import day
from devices.simulated.scenario import SCENARIOS, SERVICES, TIMEZONE, arrivals_an_hour, hour_of

NOON = datetime(2026, 11, 25, 12, tzinfo=TIMEZONE).timestamp()
At = Callable[[float], float]


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from(sorted(SCENARIOS)))
def test_the_same_seed_gives_the_same_day(seed: int, scenario: str) -> None:
    first = day(seed, NOON, SCENARIOS[scenario])
    assert first == day(seed, NOON + 3600, SCENARIOS[scenario])
    assert first != day(seed + 1, NOON, SCENARIOS[scenario])
    assert first != day(seed, NOON + 86_400, SCENARIOS[scenario])


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_customers_come_in_order_and_want_what_there_is(seed: int) -> None:
    coming = day(seed, NOON, SCENARIOS["weekday"])
    arrivals = [one.arrives_at for one in coming.customers]
    assert arrivals == sorted(arrivals)
    assert all(8.9 < hour_of(arrived) < 17 for arrived in arrivals)
    assert {one.service for one in coming.customers} == {None, *SERVICES}
    assert all(one.people in (1, 2) and one.patience_s >= 420 and 30 <= one.service_s <= 3600 for one in coming.customers)


def test_about_eighty_an_hour_come_when_the_demo_begins(at: At) -> None:
    assert 75 <= arrivals_an_hour(at(9.5), SCENARIOS["weekday"]) <= 90
    days = [day(seed, at(9), SCENARIOS["weekday"]).customers for seed in range(40)]
    in_an_hour = [sum(at(9.5) <= one.arrives_at < at(10.5) for one in customers) for customers in days]
    assert 70 < np.mean(in_an_hour) < 95


def test_lunch_is_quiet_payday_is_not_and_sunday_is_closed(at: At) -> None:
    weekday, payday = SCENARIOS["weekday"], SCENARIOS["payday"]
    assert arrivals_an_hour(at(12.5), weekday) < 0.6 * arrivals_an_hour(at(10.5), weekday)
    assert len(day(1, at(9), payday).customers) > 1.15 * len(day(1, at(9), weekday).customers)
    sunday = at(12) + 4 * 86_400
    assert day(1, sunday, weekday).customers == ()
    assert arrivals_an_hour(at(8.5), weekday) == arrivals_an_hour(at(17.5), weekday) == 0


def test_most_appointments_are_kept_and_some_are_not() -> None:
    made = [made for seed in range(30) for made in day(seed, NOON, SCENARIOS["weekday"]).appointments]
    came = [one for seed in range(30) for one in day(seed, NOON, SCENARIOS["weekday"]).customers if one.class_ == "appointment"]
    assert len(came) == sum(one.kept for one in made)
    assert 0.7 < len(came) / len(made) < 0.95
    assert all(one.appointment for one in came)
