"""Experience: what the daemon learns from its own events, and what a forecast makes of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from edge.branch.state import BranchState, QueueState
from edge.event import Event
from edge.forecast.best import Best
from edge.forecast.experience import Experience
from edge.forecast.following import follow
from edge.forecast.happenings import happenings
from edge.forecast.replay import Replay
from edge.forecast.synthetic import branch, calls
from edge.forecast.waits import forecast

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def lived() -> tuple[Replay, BranchState, float]:
    """A branch with a week behind it, in the middle of a busy morning."""
    replay = Replay(ZONE, {"normal": 0.0})
    events = happenings(list(calls(branch(4), 7, 4)))
    for event in events:
        replay.step(event)
        if event.t >= events[-1].t - 6 * 3600 and sum(t.state == "waiting" for t in replay.queue.tickets.values()) > 5:
            break
    replay.experience.study()
    return replay, BranchState(queue=replay.queue), event.t


def test_a_learned_forecast_covers_every_service_and_ticket(lived: tuple[Replay, BranchState, float]) -> None:
    replay, state, now = lived
    assert replay.experience.learned
    found = forecast(replay.plan, state, now, replay.experience)
    assert found == forecast(replay.plan, state, now, replay.experience)  # asking changes nothing
    waiting = {t.name for t in state.queue.tickets.values() if t.state == "waiting" and not t.inferred_gone}
    assert found.by_service.keys() == replay.plan.services.keys()
    assert found.by_ticket.keys() == waiting
    for wait in (*found.by_service.values(), *found.by_ticket.values()):
        assert wait is not None
        assert 0.0 <= wait.p50_s <= wait.p90_s
    plain = forecast(replay.plan, state, now)
    assert plain != found


def test_following_events_is_living_through_them(lived: tuple[Replay, BranchState, float]) -> None:
    replay = Replay(ZONE, {"normal": 0.0})
    told: list[Event] = []
    for event in happenings(list(calls(branch(4), 2, 4)))[:600]:
        replay.step(event)
        told.append(event)
    experience = Experience(ZONE)
    queue = follow(experience, replay.plan, QueueState(), told)
    assert queue.served_today == replay.queue.served_today
    now, services = told[-1].t, list(replay.plan.services)
    assert [experience.wait(replay.plan, replay.queue, s, "normal", now) for s in services] == [
        replay.experience.wait(replay.plan, replay.queue, s, "normal", now) for s in services
    ]


def test_a_new_day_begins_with_an_empty_queue() -> None:
    events = [
        Event("ticket.issued", 0.0, {"ticket": "A001", "service": "s0", "class": "normal", "source": "kiosk"}),
        Event("day.began", 90_000.0, {"day": "1970-01-02"}),
    ]
    assert follow(Experience(ZONE), Replay(ZONE, {}).plan, QueueState(), events) == QueueState(day="1970-01-02")


def test_nothing_seen_is_nothing_known() -> None:
    experience = Experience(ZONE)
    experience.study()
    assert not experience.learned
    assert experience.wait(Replay(ZONE, {"normal": 0.0}).plan, QueueState(), "s0", "normal", 0.0) is None


def test_before_any_turn_is_seen_a_newcomer_waits_no_shorter_than_the_first_in_line_has(lived: tuple[Replay, BranchState, float]) -> None:
    experience, plan = Experience(ZONE), lived[0].plan
    service, came = next(iter(plan.services)), {"class": "normal", "source": "kiosk"}
    events = [
        Event("ticket.issued", 2.0, {"ticket": "A001", "service": service, **came}),
        Event("ticket.issued", 4.0, {"ticket": "A002", "service": service, **came}),
        Event("ticket.called", 5.0, {"ticket": "A001", "counter": next(iter(plan.counters)), "service": service, "wait_s": 3.0}),
    ]
    queue = follow(experience, plan, QueueState(), events)
    wait = experience.wait(plan, queue, service, "normal", 144.0)
    assert wait is not None
    assert wait.p50_s >= 140.0


def test_the_favourite_leads_until_another_is_clearly_nearer() -> None:
    best = Best()
    said_s = {"favourite": 100.0, "other": 105.0}
    for _ in range(30):
        assert best.of(said_s) == "favourite"
        best.add(said_s, 110.0)  # 10 s and 5 s off: but not often enough yet
        if {best.of(said_s)} - {"favourite"}:
            break
    assert best.of(said_s) == "other"
    for _ in range(200):
        best.add(said_s, 101.0)
    assert best.of(said_s) == "favourite"
