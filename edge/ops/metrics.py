"""Metrics: the board and the daemon's own counters as Prometheus reads them; made anew at each scrape, so nothing can be forgotten.

Names and units are as https://prometheus.io/docs/practices/naming/ has them; what is not known has no sample, which is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Board = Mapping[str, Mapping[str, Any]]
_STATES: Final = ("online", "stale", "faulty", "offline", "unknown")
_SEVERITIES: Final = ("minor", "major", "critical")


class Described(msgspec.Struct, frozen=True):
    """A metric of a kind of topic: where in the payload its value stands (`a/b` is b in a)."""

    name: str
    help: str
    key: str
    scale: float = 1.0
    counts: bool = False  # it only grows within a day


_BY_TOPIC: Final[Mapping[str, tuple[str, tuple[Described, ...]]]] = {
    "queue": (
        "service",
        (
            Described("queue_waiting_tickets", "Tickets that wait.", "waiting"),
            Described("queue_longest_wait_seconds", "How long the longest of them has waited.", "longest_wait_s"),
            Described("queue_forecast_wait_p50_seconds", "Median wait of who takes a ticket now.", "wait_now_s/p50"),
            Described("queue_forecast_wait_p90_seconds", "Nine in ten who take a ticket now wait no longer.", "wait_now_s/p90"),
            Described("queue_open_counters", "Counters that serve.", "counters_open"),
            Described("queue_served_today_tickets", "Tickets served since the day began.", "served_today"),
            Described("queue_abandoned_today_tickets", "Tickets whose customers left since the day began.", "abandoned_today"),
        ),
    ),
    "occupancy": ("zone", (Described("zone_people", "People in a zone.", "people"),)),
    "door": (
        "door",
        (
            Described("door_in_today_people", "People who came in since the day began.", "in_today"),
            Described("door_out_today_people", "People who went out since the day began.", "out_today"),
        ),
    ),
    "climate": (
        "zone",
        (
            Described("climate_temperature_celsius", "Air temperature.", "temperature_c"),
            Described("climate_setpoint_celsius", "Setpoint that the plant was told.", "setpoint_c"),
            Described("climate_relative_humidity_ratio", "Relative humidity, 0 to 1.", "relative_humidity_pct", 0.01),
            Described("climate_co2_ppm", "Carbon dioxide, parts per million.", "co2_ppm"),
            Described("climate_fresh_air_ratio", "Fresh air that the plant was told, 0 to 1.", "fresh_air_pct", 0.01),
        ),
    ),
}
_FIGURES: Final = (
    Described("samples", "Measurements taken in.", "samples_taken", counts=True),
    Described("samples_replaced", "Measurements replaced by newer ones before they were looked at.", "samples_replaced", counts=True),
    Described("occurrences", "Occurrences taken in; copies are not counted.", "occurrences_taken", counts=True),
    Described("store_commits", "Transactions of the store.", "commits", counts=True),
    Described("store_waiting_writes", "Writes that wait for the disk.", "store_waiting"),
    Described("store_bulk_given_up", "Bulk events given up while the disk was full.", "bulk_given_up", counts=True),
)


def exposition(branch: str, version: str, board: Board, figures: Mapping[str, float]) -> bytes:
    """All metrics in Prometheus' text format 0.0.4; `figures` are the daemon's own, those it has."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(_metrics(branch, version, board, figures)))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(branch: str, version: str, board: Board, figures: Mapping[str, float]) -> Iterator[Metric]:
    info = GaugeMetricFamily("smartbranch_info", "What runs here; always 1.", labels=["branch", "version"])
    info.add_metric([branch, version], 1)
    yield info
    for kind, (label, described) in _BY_TOPIC.items():
        for one in described:
            yield _of_topics(one, kind, label, board)
    yield _inside(board)
    yield _devices(board)
    yield _alerts(board)
    yield from _uplink(board.get("uplink"))
    yield from (_figure(one, figures[one.key]) for one in _FIGURES if one.key in figures)


def _of_topics(one: Described, kind: str, label: str, board: Board) -> Metric:
    family = GaugeMetricFamily(f"smartbranch_{one.name}", one.help, labels=[label])
    for topic, payload in board.items():
        value = _at(payload, one.key) if topic.startswith(f"{kind}/") else None
        if value is not None:
            family.add_metric([topic.partition("/")[2]], value * one.scale)
    return family


def _at(payload: Mapping[str, Any] | None, key: str) -> float | None:
    """The number at a key, or None."""
    found: Any = payload
    for step in key.split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _inside(board: Board) -> Metric:
    family = GaugeMetricFamily("smartbranch_inside_people", "People in the branch, reconciled over its doors.")
    known = [inside for topic, payload in board.items() if topic.startswith("door/") and (inside := _at(payload, "inside")) is not None]
    if known:
        family.add_metric([], known[0])
    return family


def _devices(board: Board) -> Metric:
    family = GaugeMetricFamily("smartbranch_devices", "Devices by state.", labels=["state"])
    states = [payload["state"] for topic, payload in board.items() if topic.startswith("device/")]
    for state in _STATES:
        family.add_metric([state], states.count(state))
    return family


def _alerts(board: Board) -> Metric:
    family = GaugeMetricFamily("smartbranch_alerts", "Alerts that stand.", labels=["severity", "acknowledged"])
    standing = [
        (payload["severity"], payload["acknowledged_by"] is not None) for topic, payload in board.items() if topic.startswith("alert/")
    ]
    for severity in _SEVERITIES:
        for acknowledged in (False, True):
            family.add_metric([severity, str(acknowledged).lower()], standing.count((severity, acknowledged)))
    return family


def _uplink(payload: Mapping[str, Any] | None) -> Iterator[Metric]:
    """The line to head office; nothing where there is none."""
    if payload is None:
        return
    connected = float(payload["state"] == "connected")
    yield GaugeMetricFamily("smartbranch_uplink_connected", "Whether head office answers.", value=connected)
    yield GaugeMetricFamily("smartbranch_uplink_backlog_events", "Events that head office has not acknowledged.", value=payload["backlog"])
    yield GaugeMetricFamily("smartbranch_uplink_oldest_seconds", "How long the oldest of them has waited.", value=payload["oldest_s"])
    help_ = "Up to where head office has acknowledged a lane; a new epoch begins again."
    acknowledged = GaugeMetricFamily("smartbranch_uplink_acknowledged_sequence", help_, labels=["lane"])
    for lane, up_to in payload["acknowledged"].items():
        acknowledged.add_metric([lane], up_to)
    yield acknowledged


def _figure(one: Described, value: float) -> Metric:
    family = CounterMetricFamily if one.counts else GaugeMetricFamily
    return family(f"smartbranch_{one.name}", one.help, value=value)
