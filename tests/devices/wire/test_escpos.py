"""ESC/POS: the documented commands, tickets that cannot command the printer, and answers out of any bytes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.escpos import Confirmed, Paper, Slip, confirmation, decode, printed, slip


def ticket(wanted: Slip, encoding: str = "gb18030", language: str = "zh-CN") -> bytes:
    return printed(wanted, encoding=encoding, language=language)


def test_a_ticket_on_the_wire() -> None:
    sent = ticket(Slip("A012", service="personal", service_name="个人业务", branch="南京路支行", ahead=7))
    assert sent.startswith(bytes.fromhex("1b 40"))
    assert sent.endswith(bytes.fromhex("1d 56 42 00"))
    assert bytes.fromhex("1d 21 11") + b"A012\n" in sent
    for line in ("南京路支行", "个人业务", "您前面还有 7 位"):
        assert line.encode("gb18030") + b"\n" in sent


def test_a_ticket_in_english_with_the_time_of_the_box() -> None:
    sent = ticket(Slip("A012", service="personal", ahead=0, issued_at=1_795_483_865.0), "ascii", "en").decode("ascii")
    assert "personal\n0 before you\n" in sent
    assert re.search(r"\n2026-11-2[345] \d\d:\d1\n", sent)


def test_what_is_not_known_takes_no_line() -> None:
    assert ticket(Slip("A012")) == b"\x1b\x40\x1d\x21\x11A012\n\x1d\x21\x00\n\n\n\x1d\x56\x42\x00"


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["gb18030", "ascii", "cp437"]))
def test_no_text_is_a_command(branch: str, name: str, encoding: str) -> None:
    sent = ticket(Slip("A012", service_name=name, branch=branch), encoding)
    commands = re.findall(rb"[\x00-\x09\x0b-\x1f]", sent)
    assert commands == re.findall(rb"[\x00-\x09\x0b-\x1f]", ticket(Slip("A012")))


def test_asks_for_confirmation_as_documented() -> None:
    assert confirmation(42).hex(" ") == "1d 28 48 06 00 30 30 30 30 34 32"


@pytest.mark.parametrize(
    ("status", "paper"),
    [(0x12, "good"), (0x1E, "near_end"), (0x72, "end"), (0x7E, "end"), (0x16, None), (0x32, None), (0x00, None), (0xFF, None)],
)
def test_the_paper_sensor(status: int, paper: str | None) -> None:
    assert list(decode(bytearray([status]))) == ([Paper(paper)] if paper else [])


ANSWERS = st.sampled_from([Paper("good"), Paper("near_end"), Paper("end")]) | st.integers(0, 9999).map(Confirmed)


def encoded(answer: Paper | Confirmed) -> bytes:
    if isinstance(answer, Confirmed):
        return b"\x37\x22%04d\x00" % answer.process
    return {"good": b"\x12", "near_end": b"\x1e", "end": b"\x72"}[answer.paper]


@given(st.lists(ANSWERS, max_size=12), st.integers(1, 9))
def test_finds_every_answer_in_pieces(answers: list[Paper | Confirmed], piece: int) -> None:
    wire, buffer, found = b"".join(map(encoded, answers)), bytearray(), []
    for start in range(0, len(wire), piece):
        buffer += wire[start : start + piece]
        found += list(decode(buffer))
        assert len(buffer) < 7
    assert found == answers


@given(st.integers(0, 9999), st.integers(0, 6), st.integers(0, 255))
def test_a_spoiled_confirmation_confirms_nothing_that_was_not(process: int, at: int, byte: int) -> None:
    wire = bytearray(encoded(Confirmed(process)))
    wire[at] = byte
    found = [said for said in decode(wire) if isinstance(said, Confirmed)]
    assert len(found) <= 1
    assert all(said.process == process or at in range(2, 6) for said in found)  # its number has no check of its own


@given(st.binary(max_size=4096))
def test_no_bytes_break_it_or_pile_up(received: bytes) -> None:
    buffer = bytearray(received)
    list(decode(buffer))
    assert len(buffer) < 7


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"ticket": 12}', '{"ticket": "A012", "ahead": "many"}', "[" * 100_000, None, 12, True])
def test_what_is_no_slip_says_so(value: object) -> None:
    with pytest.raises(ValueError, match="no ticket that could be printed"):
        slip(value)


def test_a_slip_with_more_than_is_printed() -> None:
    assert slip('{"ticket": "A012", "service_name": "个人", "class": "care", "issued_at": 5.5}') == Slip(
        "A012", service_name="个人", issued_at=5.5
    )
