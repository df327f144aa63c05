"""Learning: trees that find a quantile, an upper point that follows, and turns as they are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.forecast.arrivals import Arrivals
from edge.forecast.baselines import RollingMean, queue_length
from edge.forecast.calibration import Calibration
from edge.forecast.staffed import Staffed
from edge.forecast.trees import grow, weighted_quantile
from edge.forecast.turns import PROBABILITIES, quantiles, remaining, turn_grid
from edge.forecast.wait import Wait


def test_trees_find_the_quantiles_of_a_step() -> None:
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, (4000, 3))
    y = np.where(x[:, 1] > 0.5, 10.0, 0.0) + random.exponential(1.0, 4000)
    for quantile, above in ((0.5, np.log(2)), (0.9, np.log(10))):
        trees = grow(x, y, np.ones(4000), quantile, 80)
        for at, step in ((0.25, 0.0), (0.75, 10.0)):
            found = np.mean([trees(np.array([other, at, 1 - other])) for other in np.linspace(0.05, 0.95, 19)])
            assert found == pytest.approx(step + above, abs=0.25)
        assert trees(x[0]) == grow(x, y, np.ones(4000), quantile, 80)(x[0])


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.floats(0.05, 0.95))
def test_a_weighted_quantile_of_equal_weights_is_a_quantile(values: list[float], quantile: float) -> None:
    found = weighted_quantile(np.array(values), np.ones(len(values)), quantile)
    assert sum(v < found for v in values) <= quantile * len(values) + 1e-6
    assert sum(v <= found for v in values) >= quantile * len(values) - 1e-6


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_the_upper_point_comes_to_hold_nine_in_ten_whatever_the_model_says(factor: float) -> None:
    random, calibration, held = np.random.default_rng(5), Calibration(), list[bool]()
    for _ in range(3000):
        p50_s = float(random.uniform(100, 1500))
        raw = Wait(p50_s, p50_s + factor * 200)
        said, wait_s = calibration(raw), p50_s + float(random.normal(0, 200))
        held.append(wait_s <= said.p90_s)
        calibration.add(raw, wait_s, said)
    assert 0.885 <= np.mean(held[500:]) <= 0.925


def test_a_shift_in_the_world_is_followed() -> None:
    random, calibration, held = np.random.default_rng(6), Calibration(), list[bool]()
    for i in range(4000):
        raw = Wait(600.0, 800.0)
        said, wait_s = calibration(raw), 600.0 + float(random.normal(0, 100 if i < 2000 else 300))
        held.append(wait_s <= said.p90_s)
        calibration.add(raw, wait_s, said)
    assert 0.87 <= np.mean(held[2400:]) <= 0.93


@given(st.lists(st.floats(10, 3000), min_size=1, max_size=60), st.lists(st.floats(10, 3000), max_size=60), st.floats(0, 5000))
def test_turns_are_times_and_what_is_left_is_too(today: list[float], before: list[float], elapsed_s: float) -> None:
    grid = turn_grid(today, quantiles(before))
    assert grid is not None
    assert (np.diff(grid) >= -1e-9).all()
    left = remaining(grid, elapsed_s, np.array([0.1, 0.5, 0.9]))
    assert (np.diff(left) >= -1e-9).all()
    assert (left >= 0).all()


def test_a_slow_day_is_believed_by_its_count() -> None:
    before = quantiles([300.0] * 100)
    means = [float(grid.mean()) for n in (0, 3, 12, 48) if (grid := turn_grid([600.0] * n, before)) is not None]
    assert means == pytest.approx([300, 360, 450, 540])
    assert turn_grid([], None) is None
    assert len(PROBABILITIES) == 101


def test_rolling_mean_falls_back_where_little_was_seen() -> None:
    rolling = RollingMean()
    assert rolling.at("a", 0, 9) is None
    rolling.add("a", 0, 9, 100.0)
    assert rolling.at("a", 3, 15) == 100.0
    for _ in range(10):
        rolling.add("a", 1, 10, 500.0)
    assert rolling.at("a", 1, 10) == 500.0
    assert rolling.at("a", 0, 9) == pytest.approx(5100 / 11)


@pytest.mark.parametrize(
    ("ahead", "mean", "counters", "wait_s"), [(3, 300.0, 2, 600.0), (0, 300.0, 1, 300.0), (3, None, 2, None), (3, 300.0, 0, None)]
)
def test_queue_length(ahead: int, mean: float | None, counters: int, wait_s: float | None) -> None:
    assert queue_length(ahead, mean, counters) == wait_s


def test_counters_usual_in_a_half_hour() -> None:
    staffed = Staffed()
    assert staffed.usual("a", 36_000) is None
    for counter in ("1", "2", "2"):
        staffed.called("a", counter, 36_100)
    assert staffed.usual("a", 36_000) is None  # today is not usual yet
    staffed.day_over()
    assert staffed.usual("a", 36_000) == 2.0
    assert staffed.usual("a", 50_000) == 0.0
    staffed.called("b", "1", 36_100)
    staffed.day_over()
    assert staffed.usual("a", 36_000) == 1.5


def test_arrivals_expected_by_time_of_day() -> None:
    arrivals = Arrivals()
    assert arrivals.expected("a", 36_000, 37_800, weekday=0) is None
    for _ in range(4):
        for minute in range(30):
            arrivals.came("a", 36_000 + 60 * minute)
        arrivals.day_over(weekday=0)
    assert arrivals.expected("a", 36_000, 37_800, weekday=0) == pytest.approx(30)
    assert arrivals.expected("a", 36_900, 38_700, weekday=0) == pytest.approx(15)
    assert arrivals.expected("a", 36_000, 37_800, weekday=2) == pytest.approx(30)  # a weekday never seen: as on any
    assert arrivals.expected("b", 36_000, 37_800, weekday=0) == 0.0
