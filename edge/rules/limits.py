"""Setpoints and limits of the rules: what holds where `comfort` in `branch.yaml` says nothing else."""

from __future__ import annotations

import msgspec

from edge.branch.plan import Plan


class Limits(msgspec.Struct, frozen=True):
    """All of them; a key of `comfort` in `branch.yaml` is the name here.

    26 degC and 20 degC are the bounds of China's rule for public buildings (国办发〔2007〕42号), 30 m3/h a person that of
    GB 50736-2012 for halls with many people, 1000 ppm that of GB/T 18883-2022, 300 lx that of GB 50034 for halls.
    """

    occupied_cool_c: float = 26.0
    occupied_heat_c: float = 20.0
    empty_cool_c: float = 30.0
    empty_heat_c: float = 16.0
    setpoint_min_c: float = 16.0  # no rule and no hand's leftover commands anything outside these
    setpoint_max_c: float = 30.0
    deadband_c: float = 1.0
    cooling_outside_min_c: float = 12.0  # colder outside: never the compressor, fresh air cools
    heating_outside_max_c: float = 20.0
    setpoint_writes_per_h: float = 4.0
    mode_hold_s: float = 600.0  # between two changes of mode
    short_break_s: float = 5400.0  # a break no longer than this is run as if open
    lead_min_s: float = 900.0
    lead_max_s: float = 10800.0

    fresh_air_l_s_person: float = 30 / 3.6
    fresh_air_l_s_m2: float = 0.3  # the hygienic minimum, people or not
    fresh_air_min_pct: float = 20.0  # where a zone's design air flow is not known
    fresh_air_step_pct: float = 5.0
    fresh_air_purge_s: float = 1800.0  # before opening
    co2_low_ppm: float = 600.0
    co2_high_ppm: float = 1000.0
    co2_alert_ppm: float = 1200.0
    outside_pm25_max_ug_m3: float = 75.0
    outside_hot_c: float = 36.0
    outside_cold_c: float = -5.0
    outside_bad_pct: float = 50.0  # at most this much air while outside is bad and CO2 is not high

    light_lx: float = 300.0
    light_min_pct: float = 30.0  # while open
    light_step_pct: float = 10.0
    light_hold_s: float = 300.0
    light_after_s: float = 600.0  # stays on after the last person or after closing

    volume_quiet_pct: float = 25.0
    volume_crowd_pct: float = 40.0
    volume_hold_s: float = 300.0
    crowd_m2_person: float = 3.0  # a person each so many square metres is a crowd

    comfort_alert_c: float = 3.0  # beyond the setpoints
    reading_max_age_s: float = 900.0
    command_s: float = 1800.0  # what is commanded is worth doing so long
    paper_low_pct: float = 10.0


def limits(plan: Plan) -> Limits:
    """The limits of a branch; a name that is none of `Limits.__struct_fields__` says nothing here, the config tells of it."""
    return Limits(**{name: float(value) for name, value in plan.comfort.items() if name in Limits.__struct_fields__})
