"""The world moved as a whole: who is let in when it begins in the middle of a day, and what a new day brings."""

from __future__ import annotations

from collections.abc import Callable

from devices.simulated.happening import AppointmentMade, Crossed, KeyPressed
from devices.simulated.scenario import SCENARIOS
from devices.simulated.world import World

At = Callable[[float], float]


def test_who_waited_outside_comes_in_first_one_by_one(at: At) -> None:
    world = World(1, SCENARIOS["weekday"], at(9.5))
    entered = [one.t - at(9.5) for one in world.step(at(9.5) + 60) if isinstance(one, Crossed)]
    assert len(entered) >= 6
    assert {4, 8, 12, 16, 20, 24} <= set(entered)
    assert entered == sorted(entered)


def test_begun_later_nobody_comes_twice_or_from_long_ago(at: At) -> None:
    world = World(1, SCENARIOS["weekday"], at(9))
    world.begin(at(11))
    happened = list(world.step(at(11) + 1))
    assert not any(isinstance(one, Crossed) for one in happened)
    assert sum(isinstance(one, Crossed) for one in world.step(at(11) + 400)) < 40
    assert all(one.until > at(11) for one in happened if isinstance(one, AppointmentMade))


def test_agents_begin_one_after_another(at: At) -> None:
    world, pressed = World(1, SCENARIOS["few-staff"], at(10)), []
    for second in range(40):
        pressed += [(one.counter, second) for one in world.step(at(10) + second) if isinstance(one, KeyPressed)]
    assert pressed == [("1", 5), ("3", 15), ("5", 25)]


def test_the_next_day_brings_its_own_customers(at: At) -> None:
    world = World(1, SCENARIOS["weekday"], at(20))
    assert not [one for one in world.step(at(23.9)) if isinstance(one, Crossed)]
    assert any(isinstance(one, AppointmentMade) for one in world.step(at(24.1)))
    assert len([one for one in world.step(at(24 + 12)) if isinstance(one, Crossed)]) > 100


def test_what_is_shown_and_pressed_moves_it(at: At) -> None:
    world = World(1, SCENARIOS["weekday"], at(10))
    keys = [one for second in range(6) for one in world.step(at(10) + second) if isinstance(one, KeyPressed)]
    assert [(one.counter, one.key) for one in keys] == [("1", "next")]
    assert world.pressed("1", at(10) + 6, committed=True) is None
    world.show("1", "A001", at(10) + 7)
    assert world.shown == {"1": "A001"}
    assert world.occupancy()["counters"] >= 3
