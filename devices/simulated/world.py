"""The world of a simulated branch: customers, agents, building and weather moved together; pure, it knows no wires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from devices.simulated.agents import STAGGER_S, Agent, Stage
from devices.simulated.building import Building
from devices.simulated.crowd import Crowd
from devices.simulated.customers import Customer, day
from devices.simulated.happening import AppointmentMade, Happening, KeyPressed, Rated
from devices.simulated.scenario import Scenario, Weather, midnight_of, weather_at

_DAY_S: Final = 86_400.0
_DAYLIGHT_LX: Final = 0.35  # a watt of sun a square metre outside
_LAMPS_LX: Final = 420.0
_WAITED_OUTSIDE_S: Final = 600.0  # who came not longer than this before the world begins is the first to come in
_ONE_BY_ONE_S: Final = 4.0
_STAFF_BEHIND: Final = 3  # people who work in the counter zone whether or not a counter is open


class Pressed(msgspec.Struct, frozen=True):
    """A key whose commit was told to its device."""

    t: float
    counter: str
    key: str


class World:
    """Everything that is so in the branch; the only inputs are what displays show and what the plant is told."""

    def __init__(self, seed: int, scenario: Scenario, start: float, *, ask_again_s: float = 20.0) -> None:
        self.scenario = scenario
        self.crowd = Crowd()
        self.agents = {counter: Agent(counter, self.crowd, ask_again_s=ask_again_s) for counter in scenario.staffed}
        self.building = Building(indoor_c=min(28.0, max(18.0, (24 + scenario.outdoor_c) / 2)))
        self.shown: dict[str, str] = {}  # counter -> ticket on its display
        self._seed = seed
        self._now = self._began = start
        self._day = 0.0

    def begin(self, now: float) -> None:
        """Begin later than at `start`."""
        self._now = self._began = now

    @property
    def weather(self) -> Weather:
        """The weather outside now."""
        return weather_at(self._now, self.scenario)

    @property
    def illuminance_lx(self) -> float:
        """How light it is in the middle of the hall."""
        return _DAYLIGHT_LX * self.weather.solar_w_m2 + _LAMPS_LX * self.building.plant["hall"].light_pct / 100

    def step(self, now: float) -> Iterator[Happening]:
        """Move everything to `now` (unix seconds) and tell what happened on the way."""
        yield from self._new_day(now)
        self.building.step(max(0.0, now - self._now), weather_at(now, self.scenario), self.occupancy())
        self._now = max(now, self._now)
        yield from self.crowd.step(self._now)
        for counter, agent in self.agents.items():
            if self._now >= self._began + STAGGER_S * int(counter) and (key := agent.step(self._now, self.shown.get(counter, ""))):
                yield KeyPressed(self._now, counter, key)

    def _new_day(self, now: float) -> Iterator[Happening]:
        if (midnight := midnight_of(now)) <= self._day:
            return
        first = self._day == 0.0
        self._day, coming = midnight, day(self._seed, now, self.scenario)
        self.crowd.expect(_let_in(coming.customers, self._now) if first else coming.customers)
        for made in coming.appointments:
            if made.until > now:
                yield AppointmentMade(now, made.id, made.service, made.from_, made.until)

    def occupancy(self) -> dict[str, int]:
        """People in each zone who breathe there: customers, and staff at the counters."""
        people = self.crowd.people()
        people["counters"] += sum(agent.stage is not Stage.AWAY for agent in self.agents.values()) + _STAFF_BEHIND
        return people

    def show(self, counter: str, ticket: str, now: float) -> None:
        """The display of `counter` shows `ticket` from now on; its customer sees it."""
        self.shown[counter] = ticket
        self.crowd.called(ticket, counter, now)

    def pressed(self, counter: str, now: float, *, committed: bool) -> Rated | None:
        """What became of the key pressed last at `counter`; a customer who was asked for a rating gives one."""
        agent = self.agents[counter]
        agent.pressed(now, committed=committed)
        rating = agent.rating_given() if committed else None
        return Rated(now, counter, rating) if rating else None


def _let_in(customers: Iterable[Customer], begins: float) -> Iterator[Customer]:
    """The customers of a day that begins at `begins` for us: those who waited outside one by one, then the others as they come."""
    outside = [one for one in customers if begins - _WAITED_OUTSIDE_S < one.arrives_at <= begins]
    enters = [begins + _ONE_BY_ONE_S * place for place in range(1, len(outside) + 1)]
    later = [one for one in customers if one.arrives_at > begins]
    shifted = [replace(one, arrives_at=t) for one, t in zip(outside, enters, strict=True)]
    return iter(sorted(shifted + later, key=lambda one: one.arrives_at))
