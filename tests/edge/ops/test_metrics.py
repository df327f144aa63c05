"""Metrics: names and units as Prometheus has them, read back by its own parser; what is not known has no sample."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from edge.branch.state import Alert, BranchState
from edge.forecast.wait import Forecast
from edge.ops.metrics import exposition
from edge.ops.topics import payloads
from tests.edge.branch.branches import NINE, plan

UPLINK = {"state": "connected", "backlog": 3, "oldest_s": 9, "acknowledged": {"alarm": 12, "business": 40}}
FIGURES = {"samples_taken": 5, "commits": 7, "store_waiting": 0, "bulk_given_up": 2}


def scraped(board: dict[str, Any], figures: dict[str, float]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = exposition("test", "1.2", board, figures).decode()
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in text_string_to_metric_families(text) for s in family.samples}


def board(**more: Any) -> dict[str, Any]:
    alerts = {"a": Alert("a", "major", {}, NINE), "b": Alert("b", "minor", {}, NINE, "li")}
    return {**payloads(plan(), BranchState(alerts=alerts), Forecast(), (), NINE), **more}


def test_the_branch_is_read_back() -> None:
    shown = board(uplink=UPLINK)
    shown["climate/hall"] = {**shown["climate/hall"], "temperature_c": 24.5, "relative_humidity_pct": 50}
    found = scraped(shown, FIGURES)
    assert found["smartbranch_info", (("branch", "test"), ("version", "1.2"))] == 1
    assert found["smartbranch_queue_waiting_tickets", (("service", "personal"),)] == 0
    assert found["smartbranch_climate_temperature_celsius", (("zone", "hall"),)] == 24.5
    assert found["smartbranch_climate_relative_humidity_ratio", (("zone", "hall"),)] == 0.5
    assert found["smartbranch_devices", (("state", "unknown"),)] == 12
    assert found["smartbranch_alerts", (("acknowledged", "false"), ("severity", "major"))] == 1
    assert found["smartbranch_alerts", (("acknowledged", "true"), ("severity", "minor"))] == 1
    assert found["smartbranch_uplink_backlog_events", ()] == 3
    assert found["smartbranch_uplink_acknowledged_sequence", (("lane", "business"),)] == 40
    assert found["smartbranch_samples_total", ()] == 5
    assert found["smartbranch_store_bulk_given_up_total", ()] == 2


def test_what_is_not_known_has_no_sample() -> None:
    names = {name for name, _ in scraped(board(), {})}
    assert not names & {
        "smartbranch_zone_people",
        "smartbranch_climate_temperature_celsius",
        "smartbranch_queue_forecast_wait_p50_seconds",
        "smartbranch_uplink_connected",
        "smartbranch_samples_total",
        "smartbranch_inside_people",
    }


def test_names_are_as_prometheus_wants_them() -> None:
    text = exposition("test", "1", board(uplink=UPLINK), FIGURES).decode()
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"smartbranch_[a-z0-9_]+", family.name)
        assert family.documentation.endswith(".")
