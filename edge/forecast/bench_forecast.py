"""Bench of the forecast: synthetic branches of unlike kinds, ours beside the baselines over the same customers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from edge.forecast import baselines
from edge.forecast.backtest import Result, replayed, summed_up
from edge.forecast.synthetic import FIRST_DAY, branch, calls

_ZONE: Final = ZoneInfo("Asia/Shanghai")
_SEEDS: Final = (101, 102, 103)  # none of these was looked at while the forecast was made
_SEEDS_FULL: Final = tuple(range(101, 113))
_LENGTH: Final = (26, 16)  # days, and how many of them are for training
_LENGTH_FULL: Final = (54, 37)


def bench(full: bool) -> dict[str, Any]:
    """Mean absolute error (s) and p90 coverage of ours, and the error of each baseline, by seed and over all.

    Customers are served ones of the test days who had to wait; the forecast is the one made when the ticket was issued.
    """
    days, trained = _LENGTH_FULL if full else _LENGTH
    results = {str(seed): _result(seed, days, trained) for seed in (_SEEDS_FULL if full else _SEEDS)}
    sizes = [result.calls for result in results.values()]
    return {
        "calls": sum(sizes),
        "mae_s": _mean([result.mae_s for result in results.values()], sizes),
        "p90_coverage": _mean([result.p90_coverage for result in results.values()], sizes),
        "peers": {name: _mean([result.baselines[name] for result in results.values()], sizes) for name in baselines.NAMES},
        "seeds": {seed: _shown(result) for seed, result in results.items()},
    }


def _result(seed: int, days: int, trained: int) -> Result:
    until = date.fromisoformat(FIRST_DAY) + timedelta(days=trained - 1)
    judged, unknown = replayed(list(calls(branch(seed), days, seed)), until, _ZONE)
    return summed_up(judged, unknown, until)


def _mean(values: list[float | None], sizes: list[int]) -> float | None:
    known = [(value, size) for value, size in zip(values, sizes, strict=True) if value is not None]
    return float(np.average([v for v, _ in known], weights=[n for _, n in known])) if known else None


def _shown(result: Result) -> dict[str, Any]:
    shown = result.as_json()
    return {key: shown[key] for key in ("calls", "mae_s", "p90_coverage", "baselines", "by_tercile")}
