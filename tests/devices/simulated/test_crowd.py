"""The crowd and the agents: nobody is lost, nobody is served who was not called, whatever the displays show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulated.agents import Agent, on_shift
from devices.simulated.agents import Stage as AgentStage
from devices.simulated.crowd import Crowd, Stage
from devices.simulated.customers import Customer
from devices.simulated.happening import Crossed, TerminalUsed, TicketWanted

At = Callable[[float], float]


def customer(arrives_at: float, **instead: object) -> Customer:
    drawn: dict[str, object] = {
        "service": "personal",
        "class_": "normal",
        "people": 1,
        "patience_s": 900.0,
        "service_s": 120.0,
        "enter_s": 10.0,
        "walk_s": 8.0,
        "leave_s": 6.0,
        "rating": None,
        "transferred": False,
    }
    return Customer(arrives_at=arrives_at, **(drawn | instead))  # type: ignore[arg-type]  # given by name


CUSTOMERS = st.lists(
    st.builds(
        customer,
        st.floats(0, 3600),
        service=st.sampled_from(["personal", "corporate", None]),
        people=st.integers(1, 2),
        patience_s=st.floats(60, 2000),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(CUSTOMERS, st.lists(st.tuples(st.floats(1, 300), st.integers(0, 45), st.sampled_from(["1", "3"])), max_size=80))
def test_people_are_conserved_whatever_is_shown(customers: list[Customer], shown: list[tuple[float, int, str]]) -> None:
    crowd, now, inside, tickets = Crowd(), 0.0, 0, 0
    crowd.expect(sorted(customers, key=lambda one: one.arrives_at))
    for dt, ticket, counter in [*shown, (20_000.0, 0, "1"), (20_000.0, 0, "1"), (20_000.0, 0, "1")]:
        now += dt
        for happening in list(crowd.step(now)):
            if isinstance(happening, Crossed):
                inside += happening.people if happening.direction == "in" else -happening.people
            elif isinstance(happening, TicketWanted):
                tickets += 1
                crowd.given(happening.visitor, f"A{tickets:03d}", now)
        crowd.called(f"A{ticket:03d}", counter, now)
        assert sum(crowd.people().values()) == inside == sum(visit.customer.people for visit in crowd.visits.values())
    for _ in range(4):  # through walk, counter and door
        now += 20_000.0
        list(crowd.step(now))
    assert crowd.visits == {}
    assert len(crowd.gone) == len(customers)


def test_a_visit_from_door_to_door() -> None:
    crowd = Crowd()
    crowd.expect([customer(100.0, people=2)])
    assert list(crowd.step(99.0)) == []
    assert list(crowd.step(100.0)) == [Crossed(100.0, "in", 2)]
    assert crowd.people() == {"hall": 2, "counters": 0, "self-service": 0}
    assert list(crowd.step(111.0)) == [TicketWanted(110.0, 1, "personal", "normal")]
    crowd.given(1, "A001", 111.0)
    assert crowd.waits_for(["personal"])
    assert not crowd.waits_for(["corporate"])
    crowd.called("A001", "1", 200.0)
    assert crowd.stands_at("1", "A001") is None
    assert list(crowd.step(208.0)) == []
    assert crowd.stands_at("1", "A001")
    assert crowd.people()["counters"] == 2
    assert crowd.begun("A001", 210.0) == 330.0
    crowd.finished("A001", 330.0)
    assert list(crowd.step(336.0)) == [Crossed(336.0, "out", 2)]
    (gone,) = crowd.gone
    assert (gone.outcome, gone.issued_at, gone.called_at, gone.started_at, gone.finished_at) == ("served", 111.0, 200.0, 210.0, 330.0)


def test_who_is_not_called_gives_up() -> None:
    crowd = Crowd()
    crowd.expect([customer(0.0)])
    list(crowd.step(11.0))
    crowd.given(1, "A001", 11.0)
    list(crowd.step(911.0))
    assert crowd.visits[1].stage is Stage.LEAVING
    assert crowd.visits[1].outcome == "abandoned"
    crowd.called("A001", "1", 912.0)  # too late
    list(crowd.step(1000.0))
    assert [gone.called_at for gone in crowd.gone] == [None]


def test_terminal_users_take_no_ticket() -> None:
    crowd = Crowd()
    crowd.expect([customer(0.0, service=None)])
    happened = [*crowd.step(20.0), *crowd.step(500.0), *crowd.step(600.0)]
    assert [type(one) for one in happened] == [Crossed, TerminalUsed, Crossed]


def agent_at_work(crowd: Crowd, now: float) -> Agent:
    """An agent whose first "next" was taken."""
    agent = Agent("3", crowd)
    assert agent.step(now, "") == "next"
    assert agent.step(now + 1, "") == ""  # it is on its way
    agent.pressed(now + 1, committed=True)
    return agent


def test_an_agent_serves_whom_the_display_shows(at: At) -> None:
    now, crowd = at(10), Crowd()
    crowd.expect([customer(now, rating=4)])
    list(crowd.step(now + 11))
    crowd.given(1, "A007", now + 11)
    agent = agent_at_work(crowd, now + 12)
    crowd.called("A007", "3", now + 13)
    assert agent.step(now + 14, "A007") == ""
    list(crowd.step(now + 30))
    assert agent.step(now + 30, "A007") == "confirm"
    agent.pressed(now + 30, committed=True)
    assert agent.step(now + 149, "A007") == ""
    assert agent.step(now + 150, "A007") == "ask_rating"
    agent.pressed(now + 150, committed=True)
    assert agent.rating_given() == 4
    assert agent.step(now + 159, "A007") == "next"
    agent.pressed(now + 159, committed=True)
    assert crowd.visits[1].outcome == "served"
    assert agent.step(now + 160, "A007") == ""  # the old ticket stands there still


def test_a_key_that_nobody_heard_is_pressed_again(at: At) -> None:
    agent = Agent("1", Crowd())
    assert agent.step(at(10), "") == "next"
    agent.pressed(at(10) + 2, committed=False)
    assert agent.step(at(10) + 3, "") == "next"


def test_who_does_not_come_is_recalled_then_passed_over(at: At) -> None:
    now = at(10)
    agent, keys = agent_at_work(Crowd(), now), []
    for second in range(2, 110):
        if key := agent.step(now + second, "A001"):
            keys.append((second, key))
            agent.pressed(now + second, committed=True)
    assert [key for _, key in keys] == ["recall", "no_show", "next"]
    assert [second for second, _ in keys] == pytest.approx([47, 92, 93], abs=2)


def test_at_lunch_half_of_the_counters_pause_and_come_back(at: At) -> None:
    crowd = Crowd()
    agent, keys = Agent("2", crowd), []
    for minute in range(9 * 60, 20 * 60):
        if key := agent.step(at(0) + minute * 60, ""):
            keys.append((minute / 60, key))
            agent.pressed(at(0) + minute * 60, committed=True)
    assert [key for _, key in keys] == ["next", "pause", "pause", "next", "pause"]
    assert [hour for hour, _ in keys] == pytest.approx([9, 11.5, 12.25, 12.27, 17], abs=0.05)
    assert agent.stage is AgentStage.AWAY
    assert [on_shift(str(counter), at(11.75)) for counter in range(1, 7)] == [True, False] * 3
