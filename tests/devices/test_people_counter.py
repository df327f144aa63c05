"""People counter: the documented document, paths of other makers, and nobody counted out of a payload that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.links.seat import Message
from devices.people_counter import Counter, Settings, run
from devices.reading import Quality, Sample
from tests.devices.fakes import FakeBranch, FakeMqtt, running

DOCUMENTED = b'{"line":"main","in":412,"out":398,"occupancy":14}'


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"link": {"mqtt": "counters/door"}, **more})


async def heard(found: Settings, *payloads: bytes, retained: bool = False) -> FakeBranch:
    branch = FakeBranch()
    counter = Counter(found, branch)
    for payload in payloads:
        await counter.hear(Message("counters/door", payload, retained))
    return branch


async def test_the_documented_document() -> None:
    branch = await heard(settings(), DOCUMENTED)
    assert branch.samples[:-1] == [Sample("in_total", 412, "main"), Sample("out_total", 398, "main"), Sample("people", 14, "main")]
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    ("more", "payload", "found"),
    [
        (
            {"wraps_at": 65_536},
            b'{"line": 2, "in": 1, "out": 2}',
            [Sample("in_total", 1, "2", wraps_at=65_536), Sample("out_total", 2, "2", wraps_at=65_536)],
        ),
        ({"line": None}, b'{"in": 1, "line": [], "out": 2}', [Sample("in_total", 1), Sample("out_total", 2)]),
        ({"occupancy": None}, b'{"in": 1, "out": 2, "occupancy": 9}', [Sample("in_total", 1), Sample("out_total", 2)]),
        ({}, b'{"in": 412}', [Sample("in_total", 412)]),
        (
            {"line": "/sensor/name", "in": "/count/0", "out": "/count/1", "occupancy": "/inside"},
            b'{"sensor": {"name": "east"}, "count": [5, 3], "inside": 2}',
            [Sample("in_total", 5, "east"), Sample("out_total", 3, "east"), Sample("people", 2, "east")],
        ),
    ],
)
async def test_other_makers(more: dict[str, Any], payload: bytes, found: list[Sample]) -> None:
    assert (await heard(settings(**more), payload)).samples[:-1] == found


@pytest.mark.parametrize("total", ["null", "-1", "1.5", '"412"', "true", "1e999", "[412]", "99999999999999999999"])
async def test_a_total_that_is_none_counts_nobody(total: str) -> None:
    branch = await heard(settings(), b'{"line": "main", "in": %s, "out": 398}' % total.encode())
    measured = [sample for sample in branch.samples if sample.quality is Quality.MEASURED and sample.quantity != "state"]
    assert measured in ([], [Sample("out_total", 398, "main")])
    assert branch.states() == ["faulty"]
    assert "counters/door" in branch.reason()


@pytest.mark.parametrize(
    "payload", [b"", b"412", b"{}", b"[1, 2]", b'{"line": "main"}', b'{"line": {}, "in": 1}', b'{"line": true, "in": 1}', b"\xff"]
)
async def test_garbage_is_told_once_and_a_good_one_ends_it(payload: bytes) -> None:
    branch = await heard(settings(), payload, payload, DOCUMENTED)
    assert branch.states() == ["faulty", "online"]
    assert branch.latest("in_total", "main").value == 412
    told = next(sample for sample in branch.samples if sample.quantity == "state")
    assert "counters/door" in told.reason["en"]
    assert '"in"' in told.reason["zh-CN"]


async def test_a_total_that_the_broker_kept_counts_and_is_no_sign_of_life() -> None:
    link = FakeMqtt(Message, "counters/door")
    branch = FakeBranch(link)
    async with running(lambda: run(settings(stale_after_s=0.05), branch)):
        await branch.until(lambda: branch.states() == ["stale"])
        link.say("counters/door", DOCUMENTED, retained=True)
        await branch.until(lambda: branch.latest("in_total", "main"))
        assert branch.states() == ["stale"]
        link.say("counters/door", DOCUMENTED)
        await branch.until(lambda: "online" in branch.states())
    assert len(link.acknowledged) == 2


async def test_its_last_will() -> None:
    link = FakeMqtt(Message, "counters/door")
    branch = FakeBranch(link)
    async with running(lambda: run(settings(availability="counters/there"), branch)):
        link.say("counters/there", "offline")
        link.say("counters/door", DOCUMENTED)
        await branch.until(lambda: branch.states() == ["offline", "online"])


def test_which_door_a_line_is() -> None:
    assert settings(doors={"main": "front"}).serves() == {"main": ("door", "front")}


@pytest.mark.parametrize("more", [{"in": "/a~"}, {"wraps_at": 1}, {"inn": "/in"}])
def test_settings_that_cannot_be(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(["line", "in", "out", "occupancy"]), VALUES).map(lambda found: json.dumps(found).encode())
)
async def test_no_payload_breaks_it_or_makes_people_up(payload: bytes) -> None:
    for sample in (await heard(settings(), payload)).samples:
        if sample.quantity in ("in_total", "out_total") and sample.quality is Quality.MEASURED:
            said = json.loads(payload)[sample.quantity.removesuffix("_total")]
            assert said == sample.value
            assert isinstance(sample.value, int)
            assert sample.value >= 0
