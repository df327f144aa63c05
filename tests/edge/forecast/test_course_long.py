"""A line longer than any branch has costs no more than its head, and waits still grow along it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from edge.branch.plan import Counter, Hours, Plan, Service, TicketClass
from edge.branch.state import CounterState, QueueState, Ticket
from edge.forecast import course
from edge.forecast.turns import turn_grid

NAME = {"zh-CN": "x", "en": "x"}
PLAN = Plan(
    branch="x",
    name=NAME,
    timezone=ZoneInfo("Asia/Shanghai"),
    language="en",
    hours=Hours(),
    zones={},
    authority="machine",
    longest_wait_guard_s=2400.0,
    services={"personal": Service("personal", NAME, "A")},
    classes={"normal": TicketClass("normal", NAME)},
    counters={"1": Counter("1", ("personal",)), "2": Counter("2", ("personal",))},
    doors={},
    devices={},
)


def called(waiting: int, now: float = 1_000_000.0) -> np.ndarray:
    tickets = {f"A{i}": Ticket(f"A{i}", "personal", "normal", "m", now - waiting + i, queued_at=now - waiting + i) for i in range(waiting)}
    queue = QueueState(tickets=tickets, counters={i: CounterState("open", since=now) for i in ("1", "2")})
    turn = {"personal": turn_grid((200.0, 300.0, 400.0) * 10, None)}
    return course.called_s(PLAN, queue, [*tickets.values(), course.newcomer("personal", "normal", now)], turn, now)


def test_a_line_beyond_the_cap_goes_on_at_the_pace_of_its_head() -> None:
    short, long = np.median(called(150), axis=0), np.median(called(600), axis=0)
    assert long.shape == (601,)
    assert (np.diff(long[:600]) > -1.0).mean() > 0.6
    assert long[599] > long[300] > long[150]
    assert 3.6 < long[-1] / short[-1] < 4.4
