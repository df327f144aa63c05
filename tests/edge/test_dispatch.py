"""Which wishes are worth a write: another value at once, one that did not take less and less often, one that holds not at all."""

from __future__ import annotations

import pytest

from devices.reading import Command, Outcome
from edge.branch.state import Alert, BranchState, ClimateState, PlantValue
from edge.dispatch import due, with_reasons, with_texts
from edge.rules.decision import Raised

NOW = 1_000_000.0
WISH = Command("light_pct", 80.0, device="lamp", why={"en": "dusk", "zh-CN": "黄昏"}, until=NOW + 1800)


def state(told: PlantValue | None) -> BranchState:
    return BranchState(climate=ClimateState(plant={"lamp/light_pct": told} if told else {}))


@pytest.mark.parametrize(
    ("told", "is_due"),
    [
        (None, True),
        (PlantValue(80.0, NOW - 10, outcome="confirmed", until=NOW + 900), False),
        (PlantValue(50.0, NOW - 10, outcome="confirmed", until=NOW + 900), True),
        (PlantValue(50.0, NOW - 10), False),  # its outcome is awaited
        (PlantValue(50.0, NOW - 31), True),
        (PlantValue(80.0, NOW - 10, outcome="confirmed", until=NOW + 10), True),  # its time is nearly over
    ],
)
def test_what_is_due(told: PlantValue | None, is_due: bool) -> None:
    assert bool(list(due(state(told), [WISH], NOW))) is is_due


@pytest.mark.parametrize(("tries", "pause_s"), [(1, 60), (2, 120), (3, 240), (9, 1800)])
def test_what_does_not_take_is_tried_less_and_less_often(tries: int, pause_s: float) -> None:
    def told(age_s: float) -> PlantValue:
        return PlantValue(80.0, NOW - age_s, outcome=Outcome.NOT_CONFIRMED, writes=(NOW - age_s,) * tries)

    assert not list(due(state(told(pause_s - 1)), [WISH], NOW))
    assert list(due(state(told(pause_s)), [WISH], NOW))


def test_what_stands_is_explained_by_why_it_is_so_now() -> None:
    before = state(PlantValue(80.0, NOW - 10, outcome="confirmed", why={"en": "old"}))
    assert with_reasons(before, [WISH]).climate.plant["lamp/light_pct"].why == WISH.why
    assert with_reasons(before, []) is before


def test_an_alert_that_stands_says_what_is_so_now() -> None:
    standing = Alert("wait-a", "major", {"en": "15 min"}, NOW)
    told = with_texts(BranchState(alerts={"wait-a": standing}), [Raised("wait-a", "major", {"en": "27 min"})])
    assert (told.alerts["wait-a"].text, told.alerts["wait-a"].since) == ({"en": "27 min"}, NOW)
