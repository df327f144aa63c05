"""`bench climate`: our rules in the built-in branch beside a schedule thermostat, and beside the best fixed settings in hindsight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any, Final

import msgspec

from devices.reading import Command, Value
from devices.simulated.closed_loop import Figures
from devices.simulated.scenario import COOLED
from edge.branch.plant import QUANTITIES
from edge.simulation import Simulation, as_decided

_SCENARIOS: Final = ("heatwave", "winter")
_SCENARIOS_FULL: Final = ("heatwave", "winter", "weekday", "payday")
_MODES: Final = {"heatwave": "cool", "winter": "heat", "weekday": "auto", "payday": "auto"}
_SETPOINTS_C: Final = {"heatwave": (24.0, 25.0, 26.0), "winter": (20.0, 21.0, 22.0), "weekday": (22.0, 24.0), "payday": (22.0, 24.0)}
_FRESH_AIR_PCT: Final = (20.0, 40.0)
_SCHEDULE: Final = {"heatwave": (24.0, 50.0), "winter": (22.0, 50.0), "weekday": (23.0, 50.0), "payday": (23.0, 50.0)}
"""What a schedule thermostat is usually left at: setpoint (degC) and fresh air (per cent) while open, off while closed."""
_SEED: Final = 11
_STEP_S: Final = 30.0
_KWH_A_DEGREE_HOUR: Final = 2.0
_KWH_A_PPM_HOUR: Final = 0.01


class Fixed:
    """A schedule: the same settings whenever the branch is open, off when it is closed; the rules' own orders are left out."""

    def __init__(self, mode: str, setpoint_c: float, fresh_air_pct: float) -> None:
        self._open: Mapping[str, Value] = {"mode": mode, "setpoint_c": setpoint_c, "fresh_air_pct": fresh_air_pct, "light_pct": 100.0}
        self._closed: Mapping[str, Value] = {"mode": "off", "fresh_air_pct": 0.0, "light_pct": 0.0}
        self._was_open: bool | None = None
        self.is_open = False

    def adjust(self, _: float, commands: list[Command]) -> list[Command]:
        """The queue's commands, and the schedule's when the hour has changed."""
        kept = [command for command in commands if command.quantity not in QUANTITIES]
        if self.is_open == self._was_open:
            return kept
        self._was_open = self.is_open
        return [*kept, *_settings(self._open if self.is_open else self._closed)]


def _settings(values: Mapping[str, Value]) -> Iterator[Command]:
    devices = {"mode": "ac", "setpoint_c": "ac", "fresh_air_pct": "fresh-air", "light_pct": "light"}
    for zone, (quantity, value) in product(COOLED, values.items()):
        yield Command(quantity, value, device=f"{zone}-{devices[quantity]}")


def cost_kwh(figures: Figures) -> float:
    """Energy, and what discomfort and stale air are worth: 2 kWh a degree-hour, 1 kWh each 100 ppm-hours above 1,000."""
    return figures.energy_kwh + _KWH_A_DEGREE_HOUR * figures.comfort_degree_hours + _KWH_A_PPM_HOUR * figures.co2_ppm_hours_over_1000


def day(scenario: str, settings: tuple[float, float] | None) -> Figures:
    """A day's figures under fixed settings, or under our rules where there are none."""
    if settings is None:
        simulation = Simulation(scenario, _SEED, as_decided, _STEP_S)
        simulation.run(1)
        return simulation.world.truth
    fixed = Fixed(_MODES[scenario], *settings)
    simulation = Simulation(scenario, _SEED, fixed.adjust, _STEP_S)
    hours, zone = simulation.core.plan.hours, simulation.core.plan.timezone
    simulation.each_step = lambda now: setattr(fixed, "is_open", hours.is_open(now, zone))
    simulation.run(1)
    return simulation.world.truth


def bench(full: bool) -> dict[str, Any]:
    """By scenario the cost of ours, of the schedule and of the best fixed settings found in hindsight.

    `gap_closed`: of the cost that the schedule has above the best in hindsight, the share that ours does without.
    """
    scenarios = _SCENARIOS_FULL if full else _SCENARIOS
    tried = {scenario: [None, _SCHEDULE[scenario], *product(_SETPOINTS_C[scenario], _FRESH_AIR_PCT)] for scenario in scenarios}
    with ProcessPoolExecutor(2) as pool:
        runs = {s: [pool.submit(day, s, settings) for settings in tried[s]] for s in scenarios}
        found = {s: [run.result() for run in runs[s]] for s in scenarios}
    by_scenario = {s: _compared(found[s], tried[s]) for s in scenarios}
    return {"gap_closed": _mean(one["gap_closed"] for one in by_scenario.values()), "by_scenario": by_scenario, "seed": _SEED}


def _compared(figures: list[Figures], settings: list[tuple[float, float] | None]) -> dict[str, Any]:
    ours, schedule, *fixed = map(cost_kwh, figures)
    best = min(range(len(fixed)), key=fixed.__getitem__)
    gap = schedule - fixed[best]
    return {
        "gap_closed": round((schedule - ours) / gap, 3) if gap > 0 else None,
        "cost_kwh": {"ours": round(ours, 1), "schedule": round(schedule, 1), "best_in_hindsight": round(fixed[best], 1)},
        "best_settings": settings[2 + best],
        "ours": msgspec.to_builtins(figures[0]),
        "schedule": msgspec.to_builtins(figures[1]),
    }


def _mean(shares: Iterable[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return round(sum(known) / len(known), 3) if known else None
