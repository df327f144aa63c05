"""`smartbranch bench`: the measurements, each beside its peer or baseline in the same run."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any, Final

_BENCHES: Final = {
    "sync": "edge.headoffice.bench",
    "vision": "edge.vision.bench",
    "forecast": "edge.forecast.bench_forecast",
    "climate": "edge.benches.climate",
    "latency": "edge.benches.latency",
    "endurance": "edge.benches.endurance",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=sorted(_BENCHES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true", help="longer than a minute, with smaller error")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures."""
    figures: dict[str, Any] = importlib.import_module(_BENCHES[arguments.what]).bench(arguments.full)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2, ensure_ascii=False))
    return 0
