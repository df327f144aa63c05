"""A small branch, its states, and an engine that carries out what the rules wish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from devices.reading import Command, Quality
from edge.branch.plan import Counter, Device, Hours, Plan, Service, Span, TicketClass, Zone
from edge.branch.state import BranchState, ClimateState, OccupancyState, People, PlantValue, Reading
from edge.dispatch import due, plant_key

ZONE = ZoneInfo("Asia/Shanghai")
_DAY = (Span(9 * 3600, 12 * 3600), Span(13 * 3600, 17 * 3600))


def _name(text: str) -> dict[str, str]:
    return {"en": text, "zh-CN": text}


@pytest.fixture(scope="session")
def plan() -> Plan:
    """Two services, three counters, a hall with all that can be commanded."""
    devices = (
        Device("hall-ac", "modbus", _name("AC"), "hall", quantities=("mode", "setpoint_c", "fan_pct")),
        Device("hall-fresh-air", "mqtt_actuator", _name("fan"), "hall", quantities=("fresh_air_pct",)),
        Device("hall-light", "mqtt_actuator", _name("light"), "hall", quantities=("light_pct",)),
        Device("hall-music", "music", _name("music"), "hall", quantities=("volume_pct", "playlist")),
        Device("vtm-01", "terminal", _name("VTM"), "hall"),
        Device("vtm-reader", "terminal", _name("reader"), "hall", parent="vtm-01"),
    )
    return Plan(
        branch="test",
        name=_name("Test"),
        timezone=ZONE,
        language="en",
        hours=Hours((_DAY,) * 5 + ((), ())),
        zones={"hall": Zone("hall", _name("Hall"), 120, 3.2, 14, 10, 400)},
        authority="smartbranch",
        longest_wait_guard_s=2400,
        services={
            "personal": Service("personal", _name("Personal"), "A", 600),
            "corporate": Service("corporate", _name("Corporate"), "B", 900),
        },
        classes={"normal": TicketClass("normal", {}), "care": TicketClass("care", {}, 600)},
        counters={
            "1": Counter("1", ("personal",), first="care"),
            "2": Counter("2", ("personal", "corporate")),
            "3": Counter("3", ("corporate",)),
        },
        doors={},
        devices={device.id: device for device in devices},
    )


@pytest.fixture(scope="session")
def at() -> Callable[[str], float]:
    """Unix seconds of a local moment; Tuesday 2026-07-21 where only the time is given."""
    return lambda text: datetime.fromisoformat(text if "T" in text else f"2026-07-21T{text}").replace(tzinfo=ZONE).timestamp()


@pytest.fixture(scope="session")
def heard() -> Callable[..., BranchState]:
    """A state after these were heard `now`: `heard(now, people=20, hall={"co2_ppm": 700}, weather={…})`."""

    def state(now: float, *, people: int | None = None, before: BranchState | None = None, **zones: dict[str, float | None]) -> BranchState:
        before = before or BranchState()
        read = {
            zone: {q: Reading(v, Quality.MISSING if v is None else Quality.MEASURED, now, "sensor") for q, v in quantities.items()}
            for zone, quantities in zones.items()
        }
        seen = People() if people is None else People(people, Quality.MEASURED, ("lobby",), now)
        return replace(before, occupancy=OccupancyState(zones={"hall": seen}), climate=replace(before.climate, readings=read))

    return state


@pytest.fixture(scope="session")
def carry_out() -> Callable[..., tuple[BranchState, list[Command]]]:
    """Send what is due of the wishes, as the engine does; the device says `outcome`."""

    def run(state: BranchState, wishes: tuple[Command, ...], now: float, outcome: str = "confirmed") -> tuple[BranchState, list[Command]]:
        sent, plant = list(due(state, wishes, now)), dict(state.climate.plant)
        for c in sent:
            before = plant.get(plant_key(c), PlantValue())
            writes = (*(t for t in before.writes if now - t < 3600), *([] if outcome == "failed" else [now]))
            after = replace(before, commanded=c.value, commanded_at=now, why=c.why, until=c.until, outcome=outcome, writes=writes)
            plant[plant_key(c)] = replace(after, read_back=c.value, read_at=now) if outcome == "confirmed" else after
        return replace(state, climate=ClimateState(state.climate.readings, plant)), sent

    return run
