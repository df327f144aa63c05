"""Climate: readings by zone and quantity; several sensors of a quantity make one reading, old ones are missing."""

from __future__ import annotations

from statistics import median
from typing import Final

from msgspec.structs import replace

from devices.reading import Quality, Sample
from edge.branch.course import Course
from edge.branch.occupancy import is_down
from edge.branch.plan import Device
from edge.branch.state import ClimateState, Reading
from edge.branch.words import text
from edge.branch.zones import zone_of

_GRAIN_S: Final = 10.0
_MIDDLE: Final = frozenset({"temperature_c", "relative_humidity_pct", "co2_ppm", "pm25_ug_m3", "illuminance_lx", "solar_w_m2"})
SENSED: Final = _MIDDLE | {"longest_wait_s", "power_w", "voltage_v", "energy_kwh", "door_open"}


def sensed(course: Course, device: Device, sample: Sample) -> bool:
    """Keep a reading of a zone; False where the device has none."""
    zone = zone_of(course.plan, device, sample.part)
    if zone is None:
        return False
    climate, key = course.state.climate, f"{device.id}/{sample.part}"
    of_zone = climate.sensed.get(zone, {})
    of_quantity = of_zone.get(sample.quantity, {})
    value = None if sample.quality is Quality.MISSING else sample.value
    reading = Reading(value, sample.quality, course.now, device.id, sample.reason)
    known = of_quantity.get(key)
    if known is not None and 0 <= course.now - known.t < _GRAIN_S and replace(known, t=course.now) == reading:
        return True
    course.set_climate(_kept(climate, zone, sample.quantity, {**of_quantity, key: reading}))
    return True


def _kept(climate: ClimateState, zone: str, quantity: str, readings: dict[str, Reading]) -> ClimateState:
    of_zone = {**climate.sensed.get(zone, {}), quantity: readings}
    one = combined(quantity, list(readings.values()))
    return replace(
        climate,
        sensed={**climate.sensed, zone: of_zone},
        readings={**climate.readings, zone: {**climate.readings.get(zone, {}), quantity: one}},
    )


def combined(quantity: str, readings: list[Reading]) -> Reading:
    """One reading of several: of the air the median, which one broken sensor cannot move far; else the newest; missing when all are."""
    known = [reading for reading in readings if reading.quality is not Quality.MISSING]
    newest = max(known or readings, key=lambda reading: reading.t)
    if quantity not in _MIDDLE or len(known) < 2:
        return newest
    values = [float(reading.value) for reading in known if isinstance(reading.value, int | float)]
    if not values:
        return newest
    quality = Quality.MEASURED if all(reading.quality is Quality.MEASURED for reading in known) else Quality.INFERRED
    return Reading(median(values), quality, newest.t, "+".join(dict.fromkeys(reading.device for reading in known)))


def settle(course: Course) -> None:
    """Once a second: a reading older than its device's time, or of a device that is away, is missing."""
    climate = course.state.climate
    for zone, quantities in climate.sensed.items():
        for quantity, readings in quantities.items():
            lost = {key: _lost(reading) for key, reading in readings.items() if _gone(course, reading)}
            if lost:
                climate = _kept(climate, zone, quantity, {**readings, **lost})
    if climate is not course.state.climate:
        course.set_climate(climate)


def _gone(course: Course, reading: Reading) -> bool:
    if reading.quality is Quality.MISSING:
        return False
    device = course.plan.devices.get(reading.device)
    return device is None or device.is_silent(reading.t, course.now) or is_down(course.state, device.id)


def _lost(reading: Reading) -> Reading:
    why = text(f"nothing new from {reading.device}; check its power and line", f"{reading.device} 没有新读数，请检查电源和线路")
    return Reading(None, Quality.MISSING, reading.t, reading.device, why)
