"""The closed loop: a whole day without wires, the same from the same seed, better served by more staff."""

from __future__ import annotations

import pytest

from devices.reading import Command, Occurrence
from devices.simulated.closed_loop import ClosedLoop, Figures
from devices.simulated.scenario import COUNTERS, SCENARIOS

DAY_S = 13 * 3600


def whole_day(scenario: str, seed: int = 1, *, air: tuple[Command, ...] = ()) -> tuple[ClosedLoop, list[Occurrence]]:
    """A day in which whoever asks gets the first ticket that the counter may serve."""
    loop, waiting, said = ClosedLoop(seed, scenario), [], []
    commands: list[Command] = list(air)
    end = loop.now + DAY_S
    while loop.now < end:
        _, _, occurrences = loop.step(20.0, commands)
        commands, said = [], said + occurrences
        for happened in occurrences:
            if happened.kind == "ticket.issued":
                waiting.append((happened.data["ticket"], happened.data["service"]))
            elif happened.kind == "key.pressed" and happened.data["key"] == "next":
                called = next((one for one in waiting if one[1] in COUNTERS[happened.part]), None)
                waiting = [one for one in waiting if one is not called]
                commands.append(Command("ticket", called[0] if called else "", part=happened.part))
    return loop, said


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_everybody_who_comes_goes_and_figures_add_up(scenario: str) -> None:
    loop, said = whole_day(scenario)
    figures, tickets = loop.truth, [one.data["ticket"] for one in said if one.kind == "ticket.issued"]
    assert len(tickets) == len(set(tickets)) > 250
    assert figures.customers == len(loop.finished)
    assert figures.served + figures.abandoned == len(tickets)
    assert figures.energy_kwh > 20
    assert len({one.identity for one in said}) == len(said)


def test_the_same_seed_gives_the_same_day() -> None:
    first, second, other = whole_day("weekday"), whole_day("weekday"), whole_day("weekday", seed=2)
    assert first[0].truth == second[0].truth
    assert first[1] == second[1]
    assert first[0].truth != other[0].truth


def test_figures_tell_scenarios_apart() -> None:
    days: dict[str, Figures] = {scenario: whole_day(scenario)[0].truth for scenario in ("weekday", "payday", "few-staff", "heatwave")}
    assert days["weekday"].wait_mean_s < days["payday"].wait_mean_s
    assert days["weekday"].abandoned < days["few-staff"].abandoned
    assert days["weekday"].energy_kwh < days["heatwave"].energy_kwh
    assert days["weekday"].comfort_degree_hours < days["heatwave"].comfort_degree_hours


def test_commands_move_the_plant_and_are_read_back() -> None:
    told = {
        ("hall-ac", "mode"): "cool",
        ("hall-ac", "setpoint_c"): 22.5,
        ("hall-fresh-air", "fresh_air_pct"): 80.0,
        ("counters-light", "light_pct"): 30.0,
    }
    loop = ClosedLoop(1, "weekday")
    _, samples, _ = loop.step(5.0, [Command(quantity, value, device=device) for (device, quantity), value in told.items()])
    read = {(sample.device, sample.quantity): sample.value for sample in samples}
    assert told.items() <= read.items()
    _, samples, _ = loop.step(5.0, [Command("mode", "off", device="hall-ac"), Command("volume_pct", 5, device="nothing")])
    assert next(sample.value for sample in samples if sample.device == "hall-ac" and sample.quantity == "mode") == "off"


def test_fresh_air_clears_a_crowded_hall() -> None:
    aired = tuple(Command("fresh_air_pct", 100, device=f"{zone}-fresh-air") for zone in ("hall", "counters"))
    assert whole_day("payday", air=aired)[0].truth.co2_ppm_hours_over_1000 < 0.2 * whole_day("payday")[0].truth.co2_ppm_hours_over_1000


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(KeyError):
        ClosedLoop(1, "holiday")
