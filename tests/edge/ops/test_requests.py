"""Requests: garbage is refused with what to do, copies are answered again, and no more than so many wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ops.intake import Intake
from edge.ops.requests import LARGEST, VERBS, Answered, Request, RequestError, read, response, transaction_of


def test_the_transaction_is_apart_from_the_arguments() -> None:
    assert read("call_next", b'{"counter": "1", "transaction": "a1"}') == Request("call_next", {"counter": "1"}, "a1")
    assert read("reload", b"") == Request("reload", {})


@pytest.mark.parametrize(
    ("verb", "payload", "says"),
    [
        ("call_nxt", b"{}", "no verb is called 'call_nxt'"),
        ("call_next", b"{", "is no JSON"),
        ("call_next", b"\xff\xfe", "is no JSON"),
        ("call_next", b"[" * 10_000, "is no JSON"),
        ("call_next", b"[1]", "is no JSON object"),
        ("call_next", b"null", "is no JSON object"),
        ("call_next", b'{"transaction": true}', "transaction is a text"),
        ("call_next", b'{"transaction": 1.5}', "transaction is a text"),
        ("call_next", b'{"transaction": "' + b"x" * 300 + b'"}', "transaction is a text"),
        ("call_next", b'"' + b"x" * LARGEST + b'"', f"at most {LARGEST} bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(verb: str, payload: bytes, says: str) -> None:
    with pytest.raises(RequestError, match=says.replace("(", r"\(")):
        read(verb, payload)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789eE+-truefalsn \\ud8', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_and_can_be_answered(payload: bytes) -> None:
    try:
        read("call_next", payload)
    except RequestError as error:
        answer = json.loads(response("error", transaction_of(payload), "t", error=str(error)))
        assert answer["status"] == "error"
        assert answer["error"]


def test_a_copy_is_answered_again_and_another_callers_request_is_not() -> None:
    answered, one = Answered(), Request("call_next", {"counter": "1"}, 7)
    assert answered.to(one, 0.0) is None
    answered.keep(one, b"first", 0.0)
    assert answered.to(Request("call_next", {"counter": "1"}, 7), 59.0) == b"first"
    assert answered.to(Request("call_next", {"counter": "2"}, 7), 1.0) is None, "numbered alike by another caller"
    assert answered.to(Request("recall", {"counter": "1"}, 7), 1.0) is None
    assert answered.to(one, 61.0) is None, "a caller that began to count anew"


def test_without_a_transaction_nothing_is_a_copy_and_memory_is_bounded() -> None:
    answered = Answered()
    answered.keep(Request("call_next", {}), b"x", 0.0)
    assert answered.to(Request("call_next", {}), 0.0) is None
    for number in range(1000):
        answered.keep(Request("call_next", {}, number), b"x", 0.0)
    assert len(answered._answers) == 256


async def test_a_flood_is_bounded_and_those_turned_away_are_told() -> None:
    intake = Intake(most=3)
    for number in range(1000):
        intake.take("call_next", str(number).encode() + b" " * 100_000, retained=False)
    assert intake.turned_away == 997
    told = [await intake.next() for _ in range(6)]
    assert [bool(asked.why_not) for asked in told] == [True, True, True, False, False, False]
    assert [asked.payload[:1] for asked in told[3:]] == [b"0", b"1", b"2"], "who came first is answered first"
    assert max(len(asked.payload) for asked in told) == LARGEST + 1
    waiting = asyncio.ensure_future(intake.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    intake.take("recall", b"", retained=False)
    assert (await waiting).verb == "recall"


async def test_a_retained_request_is_told_not_done() -> None:
    intake = Intake()
    intake.take("call_next", b"{}", retained=True)
    assert "without retain" in str((await intake.next()).why_not)


def test_the_queues_own_verbs_are_among_them() -> None:
    from edge.branch.request import VERBS as OF_THE_ENGINE  # noqa: PLC0415

    others: Any = {"restart_device", "capture", "reload"}
    assert set(VERBS) == {*OF_THE_ENGINE, *others}
