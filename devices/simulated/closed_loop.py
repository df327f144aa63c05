"""The closed loop for `smartbranch simulate`: the same world without wires; commands in, samples and occurrences out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from devices.reading import Command, Occurrence, Sample
from devices.simulated.branch_file import written
from devices.simulated.device_file import MADE_UP
from devices.simulated.happening import AppointmentMade, CheckedIn, Crossed, Happening, KeyPressed, Rated, TerminalUsed, TicketWanted
from devices.simulated.scenario import COOLED, OPENS_H, SCENARIOS, SERVICES, TERMINALS, TIMEZONE, Scenario
from devices.simulated.truth import Finished, finished
from devices.simulated.world import World

_WORKDAY: Final = datetime(2026, 11, 25, tzinfo=TIMEZONE)
_BEFORE_OPENING_H: Final = 2.0
_ONLY_THERE: Final = ("tickets", "callers", "windows", "music", *TERMINALS)  # of which nothing is measured
_MODES: Final = frozenset({"cool", "heat", "fan", "dry", "auto"})


class Figures(msgspec.Struct, frozen=True):
    """The figures of the days so far; waits in seconds from ticket to call, of those who were called."""

    customers: int
    served: int
    abandoned: int
    wait_mean_s: float
    wait_p90_s: float
    wait_over_target: float  # share of the waits over ten minutes
    comfort_degree_hours: float  # outside 20 to 26 degrees where people are, weighed by nothing
    co2_ppm_hours_over_1000: float
    energy_kwh: float


class _Sums(msgspec.Struct):
    customers: int = 0
    finished: list[Finished] = []
    degree_hours: float = 0.0
    ppm_hours: float = 0.0


class ClosedLoop:
    """`step(dt, commands)` moves `dt` seconds and gives what the devices of the branch then say.

    `scenario` is a name of `SCENARIOS`; the day begins two hours before opening. Devices have the names that
    `SimulatedBranch.branch_yaml` gives them. Displays, air conditioning, fresh air and light obey at once.

    Raises:
        KeyError: on making one, for an unknown scenario.
    """

    def __init__(self, seed: int, scenario: str, *, start: float | None = None) -> None:
        self.scenario: Scenario = SCENARIOS[scenario]
        self.now = _WORKDAY.timestamp() + (OPENS_H - _BEFORE_OPENING_H) * 3600 if start is None else start
        self._world = World(seed, self.scenario, self.now)
        self._numbers: dict[str, int] = {}
        self._day = ""
        self.issued = 0
        """Tickets so far."""
        self._said = 0  # occurrences so far, which makes each one's identity
        self._totals = {"in": 0, "out": 0}
        self._sums = _Sums()

    def step(self, dt: float, commands: Iterable[Command]) -> tuple[float, list[Sample], list[Occurrence]]:
        """Obey `commands`, move by `dt` seconds; the time then (unix seconds), and what was measured and happened."""
        for command in commands:
            self._obey(command)
        self.now += dt
        occurrences = [said for happening in self._world.step(self.now) for said in self._tell(happening)]
        self._keep(dt)
        return self.now, list(self._samples()), occurrences

    @property
    def truth(self) -> Figures:
        """What the days so far came to."""
        gone = self._sums.finished
        waits = sorted(one.wait_s for one in gone if one.wait_s is not None)
        return Figures(
            customers=self._sums.customers,
            served=sum(one.outcome == "served" for one in gone),
            abandoned=sum(one.outcome == "abandoned" for one in gone),
            wait_mean_s=sum(waits) / len(waits) if waits else 0.0,
            wait_p90_s=waits[int(0.9 * (len(waits) - 1))] if waits else 0.0,
            wait_over_target=sum(wait > 600 for wait in waits) / len(waits) if waits else 0.0,
            comfort_degree_hours=self._sums.degree_hours,
            co2_ppm_hours_over_1000=self._sums.ppm_hours,
            energy_kwh=self._world.building.energy_kwh,
        )

    @property
    def people_in(self) -> int:
        """People who came in so far; a pair is two."""
        return self._totals["in"]

    @property
    def finished(self) -> tuple[Finished, ...]:
        """Every customer who has gone, in order."""
        return tuple(self._sums.finished)

    @staticmethod
    def branch_yaml() -> str:
        """A `branch.yaml` of the branch that this is, with lines that lead nowhere."""
        return written(MADE_UP, broker_url="mqtt://127.0.0.1:1883", store="simulated-store")

    def _obey(self, command: Command) -> None:
        if command.quantity == "ticket" and command.device in {"", "callers"}:
            self._world.show(command.part, str(command.value or ""), self.now)
            return
        plant = self._world.building.plant.get(command.device.rsplit("-", 1)[0].removesuffix("-fresh"))
        if plant is None:
            return
        if command.quantity == "mode":
            plant.on = command.value in _MODES
            plant.mode = str(command.value) if plant.on else plant.mode
        elif command.quantity in {"setpoint_c", "fan_pct", "fresh_air_pct", "light_pct"} and isinstance(command.value, int | float):
            setattr(plant, command.quantity, float(command.value))

    def _tell(self, happening: Happening) -> Iterator[Occurrence]:
        match happening:
            case Crossed(_, direction, people):
                self._totals[direction] += people
                self._sums.customers += direction == "in"
            case TicketWanted(t, visitor, service, class_):
                yield self._issue(t, visitor, service, class_)
            case KeyPressed(t, counter, key):
                yield self._occurrence("key.pressed", "callers", counter, {"key": key}, t)
                yield from self._rate(self._world.pressed(counter, t, committed=True))
            case AppointmentMade(t, id_, service, from_, until):
                data = {"id": id_, "service": service, "class": "appointment", "from": from_, "until": until}
                yield self._occurrence("appointment.made", "tickets", "", data, t)
            case Rated() | CheckedIn() | TerminalUsed():
                return

    def _rate(self, rated: Rated | None) -> Iterator[Occurrence]:
        if rated:
            yield self._occurrence("rating.given", "callers", rated.counter, {"rating": rated.rating}, rated.t)

    def _issue(self, t: float, visitor: int, service: str, class_: str) -> Occurrence:
        if (day := datetime.fromtimestamp(t, TIMEZONE).date().isoformat()) != self._day:
            self._day, self._numbers = day, {}
        prefix = SERVICES[service].prefix
        self.issued += 1
        number = self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        ticket = f"{prefix}{number:03d}"
        self._world.crowd.given(visitor, ticket, t)
        data = {"ticket": ticket, "service": service, "prefix": prefix, "number": number, "class": class_, "print": "ok", "issued_at": t}
        return self._occurrence("ticket.issued", "tickets", "", data, t)

    def _occurrence(self, kind: str, device: str, part: str, data: dict[str, object], t: float) -> Occurrence:
        self._said += 1
        return Occurrence(kind, part, data, identity=str(self._said), copy_within_s=0.0, t=t, device=device, received=self.now)

    def _samples(self) -> Iterator[Sample]:
        building, weather, people = self._world.building, self._world.weather, self._world.occupancy()
        for zone in COOLED:
            air, plant = building.air[zone], building.plant[zone]
            yield self._sample(f"{zone}-air", "temperature_c", round(air.temperature_c, 1))
            yield self._sample(f"{zone}-air", "relative_humidity_pct", round(air.relative_humidity_pct, 1))
            yield self._sample(f"{zone}-co2", "co2_ppm", round(air.co2_ppm))
            yield self._sample(f"{zone}-ac", "mode", plant.mode if plant.on else "off")
            for device, quantity in (("ac", "setpoint_c"), ("ac", "fan_pct"), ("fresh-air", "fresh_air_pct"), ("light", "light_pct")):
                yield self._sample(f"{zone}-{device}", quantity, getattr(plant, quantity))
        for zone, number in people.items():
            yield self._sample(f"{zone}-people", "people", number)
        yield from self._hall_samples()
        for quantity, value in msgspec.structs.asdict(weather).items():
            yield self._sample("weather", quantity, round(value, 1))
        yield self._sample("meter", "power_w", round(building.power_w, 1))
        yield self._sample("meter", "energy_kwh", round(building.energy_kwh, 3))
        for direction, total in self._totals.items():
            yield self._sample("door-beam", f"{direction}_total", total)
            yield self._sample("door-overhead", f"{direction}_total", total, part="main")
        for device in _ONLY_THERE:
            yield self._sample(device, "state", "online")

    def _hall_samples(self) -> Iterator[Sample]:
        standing, longest_s = self._world.crowd.standing(self.now)
        yield self._sample("hall-queue", "waiting", len(self._world.crowd.waiting()))
        yield self._sample("hall-standing", "waiting", standing, part="hall")
        yield self._sample("hall-standing", "longest_wait_s", round(longest_s), part="hall")
        yield self._sample("hall-lux", "illuminance_lx", round(self._world.illuminance_lx))

    def _sample(self, device: str, quantity: str, value: float | str, *, part: str = "") -> Sample:
        return Sample(quantity, value, part, t=self.now, device=device, received=self.now)

    def _keep(self, dt: float) -> None:
        gone = self._world.crowd.gone
        self._sums.finished += map(finished, gone)
        gone.clear()
        people = self._world.crowd.people()
        for zone in COOLED:
            air = self._world.building.air[zone]
            if people[zone]:
                self._sums.degree_hours += max(20.0 - air.temperature_c, air.temperature_c - 26.0, 0.0) * dt / 3600
                self._sums.ppm_hours += max(0.0, air.co2_ppm - 1000.0) * dt / 3600
