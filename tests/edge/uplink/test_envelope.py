"""Envelope: what goes in comes out, and no bytes on a topic do more than raise an error of ours."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from edge.event import Lane
from edge.uplink.envelope import (
    Ack,
    Batch,
    Channel,
    Command,
    Gone,
    Refused,
    Resend,
    branch_of,
    channel_of,
    down_message,
    events_message,
    fitting,
    gone_message,
    parse_down,
    parse_up,
    topic,
)
from edge.uplink.packing import LARGEST_MESSAGE, EnvelopeError, UnknownVersionError

EVENT = b'{"type":"ticket.issued","v":1,"t":"2026-11-24T09:31:05.000+08:00","data":{"ticket":"A012"}}'
DOWN = [
    Ack("9f2c", Lane.BUSINESS, 640, "b71e"),
    Resend("9f2c", Lane.BUSINESS, 201, 260, "b71e"),
    Refused("9f2c", Lane.BUSINESS, 210, "held with another body"),
    Command("1", "nanjing-road", "chen", "restart_device", {"device": "vtm-01"}, "stuck", "2026-11-24T10:00:00+08:00", "k1", "c2ln"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def up(**fields: object) -> bytes:
    return msgspec.json.encode({"v": 1, "epoch": "9f2c", "lane": "business", "first": 1, **fields})


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=20), st.integers(1, 2**50), st.sampled_from(Lane))
def test_events_come_out_as_they_went_in(datas: list[dict[str, object]], first: int, lane: Lane) -> None:
    wires = [msgspec.json.encode({"type": "door.crossed", "v": 2, "t": "2026-11-24T09:31:05+08:00", "data": data}) for data in datas]
    said = parse_up(events_message("9f2c", lane, first, wires))
    assert isinstance(said, Batch)
    assert (said.first, said.lane, said.last) == (first, lane, first + len(datas) - 1)
    assert [msgspec.json.decode(event.data) for event in said.events] == [msgspec.json.decode(msgspec.json.encode(data)) for data in datas]


def test_reads_what_the_design_shows() -> None:
    wire = b'{"v":1,"epoch":"9f2c","lane":"business","first":101,"events":[' + EVENT + b"]}"
    said = parse_up(wire)
    assert isinstance(said, Batch)
    assert parse_up(zstandard.ZstdCompressor().compress(wire)) == said
    assert parse_up(b'{"v":1,"epoch":"9f2c","lane":"bulk","first":201,"gone":60}') == Gone("9f2c", Lane.BULK, 201, 60)
    assert parse_up(gone_message("9f2c", Lane.BULK, 201, 60)) == Gone("9f2c", Lane.BULK, 201, 60)
    was = parse_up(up(events=[msgspec.json.decode(EVENT) | {"was": ["e1", 5]}]))
    assert isinstance(was, Batch)
    assert was.events[0].was == ("e1", 5)


@pytest.mark.parametrize("said", DOWN, ids=lambda said: type(said).__name__)
def test_what_head_office_says_comes_out_as_it_went_in(said: Ack | Resend | Refused | Command) -> None:
    assert parse_down(channel_of(said), down_message(said)) == said


def test_resend_is_written_with_from_and_to() -> None:
    assert msgspec.json.decode(down_message(DOWN[1]))["from"] == 201
    assert msgspec.json.decode(down_message(DOWN[1]))["to"] == 260


def test_packs_only_where_it_pays() -> None:
    assert events_message("e", Lane.BULK, 1, [EVENT]).startswith(b"{")
    packed = events_message("e", Lane.BULK, 1, [EVENT] * 500)
    assert packed.startswith(b"\x28\xb5\x2f\xfd")
    assert len(packed) < 5_000


def test_cuts_by_size() -> None:
    assert fitting([b"x" * 100_000] * 5) == 2
    assert fitting([b"x" * 500_000, b"x"]) == 1
    assert fitting([EVENT] * 500) == 500


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"", "truncated"),
        (b"\x00\xff\xfe", "UTF-8"),
        (b"[1,2]", "object"),
        (up(), "either events or gone"),
        (up(events=[], gone=3), "either events or gone"),
        (up(first=0, events=[]), ">= 1"),
        (up(first=2**60, events=[]), "<= "),
        (up(epoch="../x", events=[]), "matching"),
        (up(lane="fast", events=[]), "lane"),
        (up(events=[{"type": "a b", "v": 1, "t": "2026-11-24T09:31:05+08:00", "data": {}}]), "type"),
        (up(events=[{"type": "a", "v": 1, "t": "2026-11-24T09:31:05", "data": {}}]), "no offset"),
        (up(events=[{"type": "a", "v": 1, "t": "yesterday", "data": {}}]), "no ISO 8601"),
        (up(events=[{"type": "a", "v": 1, "t": "2026-11-24T09:31:05+08:00", "data": [1]}]), "no object"),
        (b" " * (LARGEST_MESSAGE + 1), "at most"),
        (zstandard.ZstdCompressor().compress(b" " * 50_000_000), "unpacked"),
        (b"\x28\xb5\x2f\xfd" + b"rubbish", "zstd"),
        (b'{"v":1,"epoch":"e","lane":"bulk","first":1,"events":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "recursion"),
    ],
)
def test_says_what_is_wrong(message: bytes, what: str) -> None:
    with pytest.raises(EnvelopeError, match=what):
        parse_up(message)


def test_another_version_is_told_apart_from_rubbish() -> None:
    with pytest.raises(UnknownVersionError, match="version 9"):
        parse_up(b'{"v":9,"batch":"of another kind"}')


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda raw: b"\x28\xb5\x2f\xfd" + raw))
def test_no_bytes_break_it(message: bytes) -> None:
    with contextlib.suppress(EnvelopeError):
        parse_up(message)
    for channel in (Channel.ACK, Channel.RESEND, Channel.REFUSED, Channel.COMMAND):
        with contextlib.suppress(EnvelopeError):
            parse_down(channel, message)


@given(st.data())
def test_one_wrong_byte_is_an_error_or_another_message(data: st.DataObject) -> None:
    wire = bytearray(events_message("9f2c", Lane.BUSINESS, 101, [EVENT]))
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(EnvelopeError):
        parse_up(bytes(wire))


def test_topics() -> None:
    assert branch_of(topic("nanjing-road", Channel.EVENTS)) == "nanjing-road"
    for wrong in ("headoffice/v1/UPPER/events", "headoffice/v1//events", "x/headoffice/v1/a/events", "headoffice/v1/a/other", "a"):
        with pytest.raises(EnvelopeError, match="none of the line"):
            branch_of(wrong)
