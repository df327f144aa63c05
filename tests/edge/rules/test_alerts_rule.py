"""Alerts: raised at one mark, cleared at another, with the figures in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.branch.plan import Plan
from edge.branch.state import Alert, BranchState, DeviceState, FleetState, QueueState, Ticket
from edge.forecast.wait import Forecast
from edge.rules.alerts import alerts
from edge.rules.decision import Raised
from edge.rules.said import alert_id

At = Callable[[str], float]
Heard = Callable[..., BranchState]


def raised(plan: Plan, state: BranchState, now: float) -> dict[str, Raised]:
    return {alert.id: alert for alert in alerts(plan, state, Forecast(), now).alerts}


def standing(state: BranchState, *ids: str) -> BranchState:
    return replace(state, alerts={id_: Alert(id_, "minor", {}, 0.0) for id_ in ids})


def waiting(now: float, waited_s: float, **more: object) -> BranchState:
    ticket = Ticket("A012", "personal", "normal", "kiosk", now - waited_s, queued_at=now - waited_s, **more)
    return BranchState(queue=QueueState(tickets={"A012": ticket}))


@pytest.mark.parametrize(
    ("waited_s", "stands", "severity"),
    [(599, False, None), (600, False, "minor"), (500, True, "minor"), (479, True, None), (1200, False, "major")],
)
def test_a_wait_over_target(plan: Plan, at: At, waited_s: float, stands: bool, severity: str | None) -> None:
    now = at("10:00")
    state = waiting(now, waited_s)
    alert = raised(plan, standing(state, "wait-personal") if stands else state, now).get("wait-personal")
    assert (alert.severity if alert else None) == severity
    if alert:
        assert f"{round(waited_s / 60)} min" in alert.text["en"]
        assert "10 分钟" in alert.text["zh-CN"]


def test_who_has_gone_or_is_served_waits_no_more(plan: Plan, at: At) -> None:
    now = at("10:00")
    assert raised(plan, waiting(now, 5000, inferred_gone=True), now) == {}
    assert raised(plan, waiting(now, 5000, state="serving"), now) == {}


def test_the_guard_names_whom_to_call(plan: Plan, at: At) -> None:
    now = at("10:00")
    assert "A012" in raised(plan, waiting(now, 2400), now)["queue-guard"].text["en"]
    assert "queue-guard" not in raised(plan, waiting(now, 2399), now)
    assert "queue-guard" in raised(plan, standing(waiting(now, 2161), "queue-guard"), now)


def fleet(**devices: DeviceState) -> BranchState:
    return BranchState(fleet=FleetState({id_.replace("_", "-"): state for id_, state in devices.items()}))


def test_a_device_that_is_down_with_its_reason_and_without_its_children(plan: Plan, at: At) -> None:
    down = DeviceState("offline", {"en": "no heartbeat", "zh-CN": "无心跳"}, told="offline")
    found = raised(plan, fleet(vtm_01=down, vtm_reader=down), at("10:00"))
    assert list(found) == ["device-vtm-01"]
    assert "no heartbeat" in found["device-vtm-01"].text["en"]
    assert "无心跳" in found["device-vtm-01"].text["zh-CN"]
    flapping = DeviceState("offline", told="online")  # not told yet: damped
    assert raised(plan, fleet(vtm_01=flapping), at("10:00")) == {}


@pytest.mark.parametrize(
    ("facts", "stands", "severity"),
    [
        ({"paper": "near_end"}, False, "minor"),
        ({"paper": "end"}, False, "major"),
        ({"paper": "good"}, True, None),
        ({"paper_pct": 9}, False, "minor"),
        ({"paper_pct": 12}, False, None),
        ({"paper_pct": 12}, True, "minor"),
        ({"paper_pct": 16}, True, None),
        ({"paper_pct": 0}, False, "major"),
        ({"paper_pct": None}, False, None),
    ],
)
def test_paper(plan: Plan, at: At, facts: dict[str, object], stands: bool, severity: str | None) -> None:
    state = fleet(vtm_01=DeviceState("online", facts=facts, told="online"))
    alert = raised(plan, standing(state, "paper-vtm-01") if stands else state, at("10:00")).get("paper-vtm-01")
    assert (alert.severity if alert else None) == severity


@pytest.mark.parametrize(
    ("hall", "stands", "ids"),
    [
        ({"co2_ppm": 1199.0}, (), set()),
        ({"co2_ppm": 1200.0}, (), {"co2-hall"}),
        ({"co2_ppm": 1001.0}, ("co2-hall",), {"co2-hall"}),
        ({"co2_ppm": 999.0}, ("co2-hall",), set()),
        ({"temperature_c": 29.0}, (), {"temperature-hall"}),
        ({"temperature_c": 28.9}, (), set()),
        ({"temperature_c": 28.1}, ("temperature-hall",), {"temperature-hall"}),
        ({"temperature_c": 16.0}, (), {"temperature-hall"}),
        ({"temperature_c": None, "co2_ppm": None}, ("co2-hall", "temperature-hall"), set()),
    ],
)
def test_air(plan: Plan, at: At, heard: Heard, hall: dict[str, float | None], stands: tuple[str, ...], ids: set[str]) -> None:
    assert set(raised(plan, standing(heard(at("10:00"), hall=hall), *stands), at("10:00"))) == ids


def test_after_a_restart_what_is_not_heard_again_is_not_over(plan: Plan, at: At, heard: Heard) -> None:
    stood = ("paper-vtm-01", "co2-hall", "temperature-hall")
    assert set(raised(plan, standing(BranchState(), *stood), at("10:00"))) == set(stood)
    heard_again = heard(at("10:00"), hall={"co2_ppm": 500.0, "temperature_c": 24.0})
    fresh = replace(heard_again, fleet=fleet(vtm_01=DeviceState("online", facts={"paper": "good"}, told="online")).fleet)
    assert raised(plan, standing(fresh, *stood), at("10:00")) == {}


@given(st.lists(st.floats(-90, 90), min_size=5, max_size=60))
def test_an_alert_does_not_flap_with_noise_around_its_mark(plan: Plan, at: At, heard: Heard, noise: list[float]) -> None:
    now, state, turns = at("10:00"), BranchState(), 0
    for ppm in noise:
        stood = "co2-hall" in state.alerts
        state = replace(heard(now, hall={"co2_ppm": 1190.0 + ppm}), alerts=state.alerts)
        state = standing(state, *raised(plan, state, now))
        turns += ("co2-hall" in state.alerts) != stood
    assert turns <= 1


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_ids_are_plain_and_stable(parts: list[str]) -> None:
    made = alert_id("wait", *parts)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", made)
    assert made == alert_id("wait", *parts)
