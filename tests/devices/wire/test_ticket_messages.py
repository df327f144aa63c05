"""Messages of a ticket machine over MQTT: the documented ones, and garbage that says what is wrong with it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire import ticket_messages as messages
from devices.wire.payload import PayloadError
from devices.wire.ticket_messages import said, status

TICKET = {"ticket": "A012", "service": "personal", "class": "normal", "issued_at": "2026-11-24T09:31:05+08:00", "print": "ok", "seq": 131}
CALL = {"ticket": "A012", "counter": "3", "action": "call", "at": "2026-11-24T09:31:05+08:00", "seq": 132}


def heard(kind: str, body: object) -> messages.Said:
    return said(kind, json.dumps(body).encode())


def test_the_documented_ticket() -> None:
    found = heard("ticket", TICKET)
    assert found.seq == 131
    assert found.happened is not None
    assert found.happened.kind == "ticket.issued"
    assert found.happened.data == {
        "ticket": "A012",
        "service": "personal",
        "prefix": "A",
        "number": 12,
        "class": "normal",
        "print": "ok",
        "issued_at": 1_795_483_865.0,
    }
    assert (found.happened.copy_within, found.happened.copy_within_s, found.happened.t) == (None, 600.0, 1_795_483_865.0)
    undated = heard("ticket", {"ticket": "A012", "seq": 131}).happened
    assert undated is not None
    assert undated.copy_within == 256


@pytest.mark.parametrize("action", ["call", "recall", "serve", "finish", "no_show", "transfer", "hold"])
def test_the_documented_call(action: str) -> None:
    found = heard("call", {**CALL, "action": action})
    assert found.happened is not None
    assert (found.happened.kind, found.happened.part) == ("ticket.called", "3")
    assert found.happened.data == {"ticket": "A012", "counter": "3", "action": action, "at": 1_795_483_865.0}


def test_an_appointment_and_its_check_in() -> None:
    made = heard("appointment", {"id": "x1", "service": "personal", "class": "vip", "from": "2026-11-24T10:00:00+08:00", "until": "10:30"})
    assert made.happened is not None
    assert made.happened.data == {"id": "x1", "service": "personal", "class": "vip", "from": 1_795_485_600.0, "until": None}
    here = heard("checkin", {"id": 17})
    assert here.happened is not None
    assert (here.happened.kind, here.happened.data, here.seq) == ("appointment.checked_in", {"id": "17"}, None)


def test_the_same_content_is_the_same_however_it_is_written_and_other_content_is_not() -> None:
    one = said("ticket", b'{"ticket":"A012","seq":131}').happened
    again = said("ticket", b'{ "seq": 131, "ticket": "A012" }').happened
    other = said("ticket", b'{"ticket":"A013","seq":131}').happened
    called = said("call", b'{"ticket":"A012","seq":131}').happened
    assert one is not None
    assert again is not None
    assert other is not None
    assert called is not None
    assert one.identity == again.identity
    assert len({one.identity, other.identity, called.identity}) == 3


def test_a_local_time_stays_as_written_and_no_time_is_none() -> None:
    for written, kept in [("2026-11-24 09:31:05", "2026-11-24 09:31:05"), ("soon", None), (None, None), (5.5, 5.5)]:
        found = heard("ticket", {"ticket": "A012", "issued_at": written}).happened
        assert found is not None
        assert found.data["issued_at"] == kept


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("ticket", {"seq": 1}, "missing required field `ticket`"),
        ("ticket", {"ticket": "twelve"}, "no ticket"),
        ("ticket", {"ticket": "A012", "seq": "131"}, "Expected `int"),
        ("ticket", {"ticket": "A012", "seq": -1}, ">= 0"),
        ("ticket", ["A012"], "Expected `object`"),
        ("call", {"ticket": "A012", "action": "sing"}, "none of call"),
        ("appointment", {"service": "personal"}, "missing required field `id`"),
        ("checkin", {"id": ""}, "id"),
    ],
)
def test_garbage_says_what_is_wrong(kind: str, body: object, why: str) -> None:
    with pytest.raises(PayloadError, match=why):
        heard(kind, body)


def test_our_own_call_is_known_as_ours() -> None:
    ours = messages.call({"ticket": "A012", "counter": "3", "action": "call", "other": 1}, 1_795_483_865.0)
    assert said("call", ours) == messages.Said(None)
    assert json.loads(ours) == {
        "ticket": "A012",
        "counter": "3",
        "action": "call",
        "at": "2026-11-24T01:31:05.000+00:00",
        "by": "smartbranch",
    }


@pytest.mark.parametrize(
    ("payload", "state", "paper"),
    [(b"online", "online", None), (b'"offline"', "offline", None), (b'{"state": "online", "paper": "near_end"}', "online", "near_end")],
)
def test_a_status(payload: bytes, state: str, paper: str | None) -> None:
    found = status(payload)
    assert (found.state, found.paper) == (state, paper)


@given(st.sampled_from(sorted(messages.KINDS)), st.binary(max_size=300) | st.sampled_from([b"[" * 200_000, b'{"ticket":' * 9_000]))
def test_no_payload_raises_anything_else(kind: str, payload: bytes) -> None:
    read_both(kind, payload)


def read_both(kind: str, payload: bytes) -> None:
    with contextlib.suppress(PayloadError):
        said(kind, payload)
    with contextlib.suppress(PayloadError):
        status(payload)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys((*TICKET, *CALL, "id", "from", "by"), JSON))


@given(st.sampled_from(sorted(messages.KINDS)), BODIES)
def test_no_document_raises_anything_else(kind: str, body: dict[str, object]) -> None:
    read_both(kind, json.dumps(body).encode())
