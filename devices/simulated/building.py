"""The building of a simulated branch: heat and carbon dioxide balances of its zones, its plant, and the power that it takes; pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Final

import msgspec

from devices.simulated.scenario import Weather

_AIR_KG_M3, _AIR_J_KG_K = 1.2, 1005.0
_FURNITURE: Final = 6.0  # heat that walls and furniture hold, as a multiple of the air's
_SENSIBLE_W: Final = 75.0  # of a seated person (ASHRAE Fundamentals 2021, chapter 18)
_CO2_L_S: Final = 0.0052  # a sedentary adult breathes out (ASTM D6245)
_CO2_OUTSIDE_PPM: Final = 420.0
_LEAKS_PER_H: Final = 0.25  # air changes through cracks and the door
_LIGHT_W_M2, _EQUIPMENT_W_M2 = 8.0, 9.0
_COOLING_COP, _HEATING_COP, _FRESH_AIR_W_PER_L_S, _FAN_W_PER_KW = 3.2, 3.5, 1.2, 25.0
_FULL_AT_K: Final = 1.0  # the unit gives its full capacity this far from the setpoint
_LONGEST_STEP_S: Final = 20.0
_STANDBY_W: Final = 30.0


class ZoneDesign(msgspec.Struct, frozen=True):
    """A zone as built; `glass_m2` faces the sun, `loss_w_k` goes through walls and windows."""

    area_m2: float
    height_m: float
    loss_w_k: float
    glass_m2: float
    cooling_kw: float = 0.0
    heating_kw: float = 0.0
    fresh_air_max_l_s: float = 0.0


DESIGN: Final[Mapping[str, ZoneDesign]] = {
    "hall": ZoneDesign(120, 3.2, 190, 14, 14, 10, 400),
    "counters": ZoneDesign(60, 3.2, 60, 2, 7, 5, 200),
    "self-service": ZoneDesign(40, 3.2, 70, 5),
}
_BETWEEN_L_S: Final = {("hall", "counters"): 250.0, ("hall", "self-service"): 250.0}  # air that zones exchange


class Plant(msgspec.Struct):
    """What the plant of a zone is set to."""

    on: bool = True
    mode: str = "auto"  # cool | heat | fan | dry | auto
    setpoint_c: float = 25.0
    fan_pct: float = 60.0
    fresh_air_pct: float = 20.0
    light_pct: float = 100.0


class Air(msgspec.Struct):
    """The air of a zone now, and the heat that its unit moves (watts, cooling negative)."""

    temperature_c: float = 25.0
    co2_ppm: float = 480.0
    relative_humidity_pct: float = 50.0
    unit_w: float = 0.0


class Building:
    """All zones; `step` moves them, the plant may be set between steps."""

    def __init__(self, design: Mapping[str, ZoneDesign] = DESIGN, *, indoor_c: float = 25.0) -> None:
        self.design = design
        self.plant = {zone: Plant() for zone in design}
        self.air = {zone: Air(indoor_c) for zone in design}
        self.energy_kwh = 0.0
        self.power_w = 0.0

    def step(self, dt_s: float, weather: Weather, people: Mapping[str, int]) -> None:
        """Move by `dt_s` seconds with `people` in each zone; long steps are cut so that it stays stable."""
        while dt_s > 0:
            step_s = min(dt_s, _LONGEST_STEP_S)
            self._step(step_s, weather, people)
            dt_s -= step_s

    def _step(self, dt_s: float, weather: Weather, people: Mapping[str, int]) -> None:
        mixed = self._mixing()
        self.power_w = sum(self._power_w(zone) for zone in self.design)
        for zone, air in self.air.items():
            air.unit_w = self._unit_w(zone)
            heat_w, co2_ppm_s = mixed[zone]
            _heat(
                self.design[zone],
                air,
                dt_s,
                heat_w + air.unit_w + self._gains_w(zone, weather, people.get(zone, 0)),
                self._air_l_s(zone),
                weather,
            )
            _breathe(self.design[zone], air, dt_s, people.get(zone, 0), self._air_l_s(zone), co2_ppm_s)
            _dampen(air, weather)
        self.energy_kwh += self.power_w * dt_s / 3.6e6

    def _mixing(self) -> dict[str, tuple[float, float]]:
        """Heat (W) and carbon dioxide (ppm/s) that each zone takes from its neighbours."""
        mixed = dict.fromkeys(self.design, (0.0, 0.0))
        for (one, other), flow_l_s in _BETWEEN_L_S.items():
            warmth_w = flow_l_s / 1000 * _AIR_KG_M3 * _AIR_J_KG_K * (self.air[one].temperature_c - self.air[other].temperature_c)
            ppm = self.air[one].co2_ppm - self.air[other].co2_ppm
            for zone, sign in ((one, -1), (other, 1)):
                heat_w, co2_ppm_s = mixed[zone]
                mixed[zone] = heat_w + sign * warmth_w, co2_ppm_s + sign * ppm * flow_l_s / _litres(self.design[zone])
        return mixed

    def _air_l_s(self, zone: str) -> float:
        design, plant = self.design[zone], self.plant[zone]
        return design.fresh_air_max_l_s * plant.fresh_air_pct / 100 + _LEAKS_PER_H * _litres(design) / 3600

    def _gains_w(self, zone: str, weather: Weather, people: int) -> float:
        design, plant = self.design[zone], self.plant[zone]
        inside = design.area_m2 * (_LIGHT_W_M2 * plant.light_pct / 100 + _EQUIPMENT_W_M2)
        return inside + people * _SENSIBLE_W + 0.45 * design.glass_m2 * weather.solar_w_m2

    def _unit_w(self, zone: str) -> float:
        design, plant = self.design[zone], self.plant[zone]
        above = self.air[zone].temperature_c - plant.setpoint_c
        if not plant.on or plant.mode == "fan":
            return 0.0
        strength = (0.4 + 0.6 * plant.fan_pct / 100) * min(1.0, abs(above) / _FULL_AT_K) * 1000
        if above > 0 and plant.mode in {"cool", "auto", "dry"}:
            return -design.cooling_kw * strength
        return design.heating_kw * strength if above < 0 and plant.mode in {"heat", "auto"} else 0.0

    def _power_w(self, zone: str) -> float:
        design, plant, unit_w = self.design[zone], self.plant[zone], self.air[zone].unit_w
        compressor = -unit_w / _COOLING_COP if unit_w < 0 else unit_w / _HEATING_COP
        fan = design.cooling_kw * _FAN_W_PER_KW * plant.fan_pct / 100 if plant.on else 0.0
        fresh = design.fresh_air_max_l_s * plant.fresh_air_pct / 100 * _FRESH_AIR_W_PER_L_S
        return compressor + fan + fresh + design.area_m2 * (_LIGHT_W_M2 * plant.light_pct / 100 + _EQUIPMENT_W_M2) + _STANDBY_W


def _litres(design: ZoneDesign) -> float:
    return design.area_m2 * design.height_m * 1000


def _heat(design: ZoneDesign, air: Air, dt_s: float, gains_w: float, air_l_s: float, weather: Weather) -> None:
    """Newton's law of cooling, solved exactly over the step for gains that stand still."""
    capacity = _litres(design) / 1000 * _AIR_KG_M3 * _AIR_J_KG_K * _FURNITURE
    loss_w_k = design.loss_w_k + air_l_s / 1000 * _AIR_KG_M3 * _AIR_J_KG_K
    settles_c = weather.temperature_c + gains_w / loss_w_k
    air.temperature_c = settles_c + (air.temperature_c - settles_c) * exp(-loss_w_k * dt_s / capacity)


def _breathe(design: ZoneDesign, air: Air, dt_s: float, people: int, air_l_s: float, mixed_ppm_s: float) -> None:
    """The mass balance of one well mixed zone, solved exactly over the step."""
    changes_s = air_l_s / _litres(design)
    made_ppm_s = people * _CO2_L_S / _litres(design) * 1e6 + mixed_ppm_s
    settles_ppm = _CO2_OUTSIDE_PPM + made_ppm_s / changes_s
    air.co2_ppm = settles_ppm + (air.co2_ppm - settles_ppm) * exp(-changes_s * dt_s)


def _dampen(air: Air, weather: Weather) -> None:
    """Relative humidity: the outside air's water at the inside's temperature (Magnus), a quarter of it taken out by a unit that cools."""
    water = weather.relative_humidity_pct * _saturation_hpa(weather.temperature_c) / _saturation_hpa(air.temperature_c)
    air.relative_humidity_pct = min(95.0, max(15.0, water * (0.75 if air.unit_w < 0 else 1.0)))


def _saturation_hpa(temperature_c: float) -> float:
    return 6.112 * exp(17.62 * temperature_c / (243.12 + temperature_c))
