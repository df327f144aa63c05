"""Synthetic branches: days of customers, services and counters made from a seed, for benchmarks and tests."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from edge.forecast.calls_table import Call

DAY_S: Final = 86_400.0
FIRST_DAY: Final = "2026-09-01"
_FIRST_MIDNIGHT: Final = 1_788_220_800.0 - 8 * 3600  # in Asia/Shanghai, which has no summer time
_OPENS_S: Final = 9 * 3600.0
_CLOSES_S: Final = 17 * 3600.0
_PROFILE: Final = (0.6, 1.3, 1.45, 0.95, 0.6, 0.9, 1.15, 0.9, 0.0)  # arrivals by the hour from 09:00, beside their mean


class Desk(msgspec.Struct, frozen=True):
    """A counter: the services it gives, and the shifts in which it is open (seconds of the day)."""

    id: str
    services: tuple[str, ...]
    shifts: tuple[tuple[float, float], ...]


class Branch(msgspec.Struct, frozen=True):
    """What a synthetic branch is like."""

    arrivals_per_h: dict[str, float]  # by service
    mean_turn_s: dict[str, float]
    spread: float  # of the logarithm of a turn
    desks: tuple[Desk, ...]
    care_share: float
    care_credit_s: float
    no_show_share: float
    patience_s: float  # mean; who waits longer goes
    load_spread: float  # from day to day, of the logarithm
    gap_s: float  # mean between a customer's going and the next call


class _Customer(msgspec.Struct):
    number: int
    service: str
    class_: str
    at: float
    patience_s: float
    order: float


def branch(seed: int) -> Branch:
    """A branch of its own kind from a seed: one to three services, three to eight counters, busy to the brim or not."""
    random = np.random.default_rng(seed)
    services = [f"s{i}" for i in range(int(random.integers(1, 4)))]
    mean_turn_s = {service: float(random.uniform(150, 600)) for service in services}
    desks = tuple(_desk(i, services, random) for i in range(len(services) + int(random.integers(2, 5))))
    share = random.dirichlet(np.full(len(services), 3.0))
    hours_open = sum(end - start for desk in desks for start, end in desk.shifts) / 8 / 3600
    work_s = sum(share[i] * (mean_turn_s[service] + 15) for i, service in enumerate(services))
    total_per_h = float(random.uniform(0.78, 1.02)) * hours_open * 3600 / work_s
    return Branch(
        {service: total_per_h * float(share[i]) for i, service in enumerate(services)},
        mean_turn_s,
        float(random.uniform(0.5, 0.9)),
        desks,
        float(random.uniform(0.0, 0.2)),
        float(random.choice([300.0, 600.0, 36_000.0])),
        float(random.uniform(0.02, 0.10)),
        float(random.uniform(2400, 7200)),
        float(random.uniform(0.05, 0.2)),
        float(random.uniform(5, 25)),
    )


def _desk(number: int, services: list[str], random: np.random.Generator) -> Desk:
    own = services[number % len(services)]
    also = tuple(s for s in services if s != own and random.random() < 0.35)
    noon = float(random.choice([0.0, 11.5, 12.0, 12.5])) * 3600
    if number < len(services) or noon == 0.0:
        return Desk(str(number + 1), (own, *also), ((_OPENS_S, _CLOSES_S + 3600),))
    begins = _OPENS_S + float(random.choice([0.0, 0.0, 0.5, 1.0])) * 3600
    return Desk(str(number + 1), (own, *also), ((begins, noon), (noon + 3600, _CLOSES_S + 3600)))


def calls(of: Branch, days: int, seed: int) -> Iterator[Call]:
    """The calls of so many working days, in order of issue within a day."""
    random = np.random.default_rng((seed, 1))
    for day in range(days):
        if day % 7 in (4, 5):  # 2026-09-05 is a Saturday
            continue
        yield from sorted(_day(of, _FIRST_MIDNIGHT + day * DAY_S, random), key=lambda call: call.issued_at)


def _arrivals(of: Branch, random: np.random.Generator) -> list[_Customer]:
    level = float(np.exp(random.normal(0, of.load_spread)))
    customers: list[_Customer] = []
    for service, per_h in of.arrivals_per_h.items():
        for hour, weight in enumerate(_PROFILE):
            for offset in random.uniform(0, 3600, random.poisson(per_h * weight * level)):
                at = _OPENS_S - 600 + hour * 3600 + float(offset)
                care = random.random() < of.care_share
                credit_s = of.care_credit_s if care else 0.0
                patience_s = float(random.exponential(of.patience_s))
                customers.append(_Customer(0, service, "care" if care else "normal", at, max(patience_s, 300.0), at - credit_s))
    customers.sort(key=lambda customer: customer.at)
    for number, customer in enumerate(customers):
        customer.number = number + 1
    return [customer for customer in customers if customer.at < _CLOSES_S]


def _day(of: Branch, midnight: float, random: np.random.Generator) -> Iterator[Call]:
    """One day: each free counter takes the first in its order who is still there."""
    speed = float(np.exp(random.normal(0, 0.08)))
    queue = _arrivals(of, random)
    free = [(start, desk.id, desk, end) for desk in of.desks for start, end in desk.shifts]
    heapq.heapify(free)
    while free:
        now, id_, desk, end = heapq.heappop(free)
        if now >= end:
            continue
        here = [c for c in queue if c.at <= now and c.service in desk.services]
        gone = [c for c in here if c.at + c.patience_s < now]
        yield from (_left(midnight, c) for c in gone)
        present = [c for c in here if c.at + c.patience_s >= now]
        for c in gone:
            queue.remove(c)
        if not present:
            later = min((c.at for c in queue if c.at > now and c.service in desk.services), default=end)
            heapq.heappush(free, (max(later, now + 1.0), id_, desk, end))
            continue
        customer = min(present, key=lambda c: c.order)
        queue.remove(customer)
        call = _served(of, midnight, customer, now, id_, speed, random)
        yield call
        gap_s = float(random.exponential(of.gap_s))
        heapq.heappush(free, ((call.finished_at or 0.0) - midnight + gap_s, id_, desk, end))
    yield from (_left(midnight, c) for c in queue)


def _left(midnight: float, c: _Customer) -> Call:
    gone_at = min(c.at + c.patience_s, 23.9 * 3600)
    return Call(f"A{c.number:03d}", c.service, c.class_, midnight + round(c.at), None, None, midnight + round(gone_at), "", "abandoned")


def _served(of: Branch, midnight: float, c: _Customer, now: float, counter: str, speed: float, random: np.random.Generator) -> Call:
    name, issued_at, called_at = f"A{c.number:03d}", midnight + round(c.at), midnight + round(now)
    if random.random() < of.no_show_share:
        return Call(name, c.service, c.class_, issued_at, called_at, None, called_at + 45.0, counter, "no_show")
    started_at = called_at + float(round(random.uniform(5, 25)))
    mean_log = np.log(of.mean_turn_s[c.service] * speed) - of.spread**2 / 2
    finished_at = started_at + float(round(max(15.0, np.exp(random.normal(mean_log, of.spread)))))
    return Call(name, c.service, c.class_, issued_at, max(called_at, issued_at), started_at, finished_at, counter, "served")
