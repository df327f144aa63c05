"""Frames of the serial ticket machine: the documented ones, whatever stands between them, and none that was not sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.reading import Occurrence
from devices.wire import ticket_frames as frames
from devices.wire.ticket_frames import Frame, crc16, decode
from devices.wire.ticket_words import Status, acknowledgement, call, clock, occurrence, status, uptime_s

KEY = bytes.fromhex("02 07 01 11 00 01 01 01 0C 43 C5 03")
ISSUED = bytes.fromhex("02 0B 01 01 00 02 02 05 41 00 0C 01 00 8B 30 03")
STATUS = bytes.fromhex("02 09 01 01 00 03 03 03 01 00 00 79 C3 03")
CLOCK_REQUEST = bytes.fromhex("02 06 01 01 00 04 04 00 02 10 03")
HEARTBEAT = bytes.fromhex("02 0A 01 01 00 05 05 04 00 00 0E 10 DA 50 03")
ACKNOWLEDGEMENT = bytes.fromhex("02 06 01 00 00 02 06 00 DE B1 03")
CLOCK = bytes.fromhex("02 0A 01 00 00 04 07 04 6B 04 E8 D9 11 31 03")
CALL = bytes.fromhex("02 0B 01 00 00 06 08 05 03 41 00 0C 01 18 66 03")
VECTORS = [KEY, ISSUED, STATUS, CLOCK_REQUEST, HEARTBEAT, ACKNOWLEDGEMENT, CLOCK, CALL]

SIZES = {1: 1, 2: 5, 3: 3, 4: 0, 5: 4, 6: 0, 7: 4, 8: 5}
MEANT = st.sampled_from([b"\x0c", b"A"]).map(lambda key: (1, key)) | st.builds(
    lambda letter, number, class_, print_: (2, bytes([letter]) + number.to_bytes(2, "big") + bytes([class_, print_])),
    st.integers(0x41, 0x5A),
    st.integers(0, 999) | st.sampled_from([0x0202, 0x0206, 0x0303]),
    st.integers(0, 3),
    st.integers(0, 2),
)
ANY = st.sampled_from(sorted(SIZES)).flatmap(
    lambda type_: st.tuples(st.just(type_), st.binary(min_size=SIZES[type_], max_size=SIZES[type_]))
)
HARD = st.sampled_from([0x0000, 0x0201, 0x0206, 0x0601, 0x0701, 0x0A01, 0x0B01, 0x0302])
FRAMES = st.builds(
    lambda source, sequence, said: Frame(source, sequence, *said), st.integers(0, 255), st.integers(0, 0xFFFF) | HARD, MEANT | ANY
)


def sound(received: bytes) -> list[Frame]:
    return [frame for frame in decode(bytearray(received)) if frame]


def is_part(found: list[Frame], sent: list[Frame]) -> bool:
    """Whether `found` is `sent` with some left out: none is new and none is there twice."""
    rest: Iterator[Frame] = iter(sent)
    return all(frame in rest for frame in found)


def test_the_check_is_that_of_modbus() -> None:
    assert crc16(b"123456789") == 0x4B37  # the check value of CRC-16/MODBUS


@pytest.mark.parametrize("wire", VECTORS)
def test_the_documented_frames_both_ways(wire: bytes) -> None:
    (frame,) = sound(wire)
    assert frame.encode() == wire


def test_what_the_documented_frames_mean() -> None:
    key, issued, state, clock_request, heartbeat, _, _, called = (sound(wire)[0] for wire in VECTORS)
    assert occurrence(key, {}) == Occurrence("key.pressed", "1", {"key": "next"}, KEY.hex(), copy_within_s=600.0, copy_within=64)
    assert occurrence(key, {0x11: "7"}) == Occurrence("key.pressed", "7", {"key": "next"}, KEY.hex(), copy_within_s=600.0, copy_within=64)
    data = {"ticket": "A012", "service": "", "prefix": "A", "number": 12, "class": "care", "print": "ok", "issued_at": None}
    assert occurrence(issued, {}) == Occurrence("ticket.issued", "", data, ISSUED.hex(), copy_within_s=600.0, copy_within=64)
    assert status(state) == Status("near_end", cover_open=False, fault=0)
    assert uptime_s(heartbeat) == 3600
    assert occurrence(called, {}) == Occurrence(
        "ticket.called", "3", {"ticket": "A012", "counter": "3", "action": "call"}, CALL.hex(), copy_within_s=600.0, copy_within=64
    )
    assert acknowledgement(issued).encode() == ACKNOWLEDGEMENT
    assert clock(clock_request, 1_795_483_865.9).encode() == CLOCK
    assert call({"ticket": "A012", "counter": "3", "action": "call"}, 6).encode() == CALL


def test_a_key_of_a_kiosk_asks_for_a_ticket() -> None:
    frame = Frame(0x01, 9, frames.KEY, b"B")
    wanted = occurrence(frame, {})
    assert wanted is not None
    assert (wanted.kind, wanted.data) == ("ticket.requested", {"prefix": "B"})


@pytest.mark.parametrize(
    "frame",
    [
        Frame(0x11, 1, frames.KEY, b"\x7f"),
        Frame(0x01, 1, frames.KEY, b"\x0c"),  # the machine itself is no counter
        Frame(1, 1, frames.ISSUED, b"a\0\x0c\0\0"),
        Frame(1, 1, frames.ISSUED, b"A\0\x0c\x04\0"),
        Frame(1, 1, frames.ISSUED, b"A\0\x0c\0\x03"),
        Frame(1, 1, frames.CALL, b"\x03A\0\x0c\0"),
        Frame(1, 1, frames.CALL, b"\x03A\0\x0c\x08"),
        Frame(1, 1, frames.HEARTBEAT, b"\0\0\0\0"),
    ],
)
def test_what_has_no_meaning_is_nothing(frame: Frame) -> None:
    assert occurrence(frame, {}) is None


@pytest.mark.parametrize("payload", [b"\x03\0\0", b"\0\x02\0"])
def test_a_status_without_meaning_is_none(payload: bytes) -> None:
    assert status(Frame(1, 1, frames.STATUS, payload)) is None


@pytest.mark.parametrize(
    ("payload", "said"),
    [(b"\0\0\0", None), (b"\x01\0\0", None), (b"\x02\0\0", "no paper"), (b"\0\x01\0", "cover is open"), (b"\0\0\x07", "fault 7")],
)
def test_what_a_status_asks_of_a_person(payload: bytes, said: str | None) -> None:
    found = status(Frame(1, 1, frames.STATUS, payload))
    assert found is not None
    trouble = found.trouble()
    assert trouble is None if said is None else trouble is not None and said in trouble["en"]


@pytest.mark.parametrize(
    "order",
    [
        {"ticket": "A012", "counter": "main"},
        {"ticket": "A012", "counter": "300"},
        {"ticket": "AB12", "counter": "3"},
        {"ticket": "012", "counter": "3"},
        {"ticket": "A99999", "counter": "3"},
        {"counter": "3"},
        {"ticket": "A012", "counter": "3", "action": "sing"},
    ],
)
def test_a_call_the_frame_has_no_place_for(order: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"machine|no ticket"):
        call(order, 1)


@given(st.lists(FRAMES, max_size=8), st.lists(st.binary(max_size=20), min_size=8, max_size=8), st.integers(1, 9))
def test_finds_every_frame_between_noise_in_pieces(sent: list[Frame], noises: list[bytes], piece: int) -> None:
    wire = b"".join(noise.replace(b"\x02", b"") + frame.encode() for frame, noise in zip(sent, noises, strict=False))
    buffer, found = bytearray(), []
    for start in range(0, len(wire), piece):
        buffer += wire[start : start + piece]
        found += [frame for frame in decode(buffer) if frame]
        assert len(buffer) < frames.LONGEST
    assert found == sent


@given(st.lists(FRAMES, min_size=1, max_size=6), st.data())
def test_one_wrong_missing_or_doubled_byte_invents_nothing(sent: list[Frame], data: st.DataObject) -> None:
    wire = b"".join(frame.encode() for frame in sent)
    at = data.draw(st.integers(0, len(wire) - 1))
    instead = data.draw(st.sampled_from([b"", wire[at : at + 1] * 2]) | st.binary(min_size=1, max_size=1))
    found = sound(wire[:at] + instead + wire[at + 1 :])
    assert is_part(found, sent)
    assert len(found) >= len(sent) - 2  # the one that was hit, and at most the one after it


@pytest.mark.parametrize("number", [12, 0x0202, 0x0206, 0x0303, 0x0400, 0x0504, 0x0600, 0x0704, 0x0805])
def test_every_single_spoiled_byte_of_a_ticket_between_others(number: int) -> None:
    """All of it, not a sample: each byte of the middle frame missing, doubled, and as each other byte."""
    for source, sequence in [(1, 2), (2, 0x0701), (2, 0x0B01), (2, 0x0209), (0x11, 0x0206)]:
        sent = [Frame(source, sequence + step, 2, b"A" + number.to_bytes(2, "big") + bytes([1, 0])) for step in range(3)]
        first, middle, last = (frame.encode() for frame in sent)
        for at in range(len(middle)):
            for instead in [b"", middle[at : at + 1] * 2, *(bytes([byte]) for byte in range(256))]:
                found = sound(first + middle[:at] + instead + middle[at + 1 :] + last)
                assert is_part([frame for frame in found if occurrence(frame, {})], sent)
                assert found[0] == sent[0]
                assert found[-1] == sent[2]


@given(
    st.binary(max_size=4096)
    | st.lists(st.sampled_from([b"\x02", b"\x02\x0b\x01", b"\x03", *VECTORS, ISSUED[:9]]), max_size=99).map(b"".join)
)
def test_no_bytes_break_it_or_pile_up(received: bytes) -> None:
    buffer = bytearray(received)
    for frame in decode(buffer):
        if frame:
            occurrence(frame, {})
            if frame.type == frames.STATUS:
                status(frame)
    assert len(buffer) < frames.LONGEST
