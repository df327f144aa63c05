"""Counter bus: the documented frames, whatever stands between them, and nothing that nobody pressed."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.counter_bus import Frame, Settings, answer, decode, occurrence, run, shown
from devices.reading import Command, Occurrence, Outcome
from tests.devices.fakes import FakeBranch, FakeLine, running

COUNTERS = {3: "3"}
NEXT = bytes.fromhex("FF 68 03 03 68 03 01 0C 10 16")
RECALL = Frame(3, 1, b"\x0d").encode()
RATING = bytes.fromhex("FF 68 03 03 68 03 11 03 17 16")
PRESENT = bytes.fromhex("FF 68 02 02 68 03 00 03 16")
BEEP = bytes.fromhex("FF 68 02 02 68 03 03 06 16")
SEVENTEEN = bytes.fromhex("FF 68 08 08 68 03 02 00 01 07 0A 0A 0A 2B 16")
FRAMES = st.builds(Frame, st.integers(1, 32), st.sampled_from([0, 1, 2, 3, 0x11]), st.binary(max_size=6))


@pytest.mark.parametrize(
    ("wire", "kind", "data"),
    [
        (NEXT, "key.pressed", {"key": "next"}),
        (bytes.fromhex("FF 68 04 04 68 03 01 06 0F 19 16"), "key.pressed", {"key": "no_show"}),
        (Frame(3, 1, b"\x00\x0f").encode(), "key.pressed", {"key": "hang_up"}),
        (Frame(3, 1, b"\x03\x0f").encode(), "key.pressed", {"key": "call_back"}),
        (Frame(3, 1, b"\x12").encode(), "key.pressed", {"key": "pause"}),
        (RATING, "rating.given", {"rating": 3}),
    ],
)
def test_what_a_press_means(wire: bytes, kind: str, data: dict[str, object]) -> None:
    (frame,) = decode(bytearray(wire))
    expected = Occurrence(kind, "3", data, identity=wire.hex(), copy_within_s=0.4, copy_after_restart_s=2.0)
    assert occurrence(frame, COUNTERS) == expected
    assert occurrence(frame, {}) is None


@pytest.mark.parametrize("frame", [Frame(3, 1, b"\x7f"), Frame(3, 0x11, b"\x06"), Frame(3, 0x11, b"\0"), Frame(3, 0), Frame(3, 9, b"\x0c")])
def test_what_is_no_press(frame: Frame) -> None:
    assert occurrence(frame, COUNTERS) is None


def test_answers_as_documented() -> None:
    assert answer(Frame(3, 0x01, b"\x0c")).encode() == NEXT
    assert answer(Frame(3, 0x11, b"\x03")).encode().hex(" ") == "ff 68 03 03 68 03 01 03 07 16"


@pytest.mark.parametrize(
    ("quantity", "value", "letters", "wire"),
    [
        ("waiting", 17, False, "ff 68 08 08 68 03 02 00 01 07 0a 0a 0a 2b 16"),
        ("ticket", "A042", False, "ff 68 08 08 68 03 02 0a 0a 0a 00 04 02 29 16"),
        ("ticket", "A042", True, "ff 68 08 08 68 03 02 0a 0a 41 00 04 02 60 16"),
        ("beep", True, False, "ff 68 02 02 68 03 03 06 16"),
        ("waiting", 1200, False, Frame(3, 2, bytes.fromhex("0909090a0a0a")).encode().hex(" ")),
        ("waiting", None, False, Frame(3, 2, bytes.fromhex("0a0a0a0a0a0a")).encode().hex(" ")),
        ("ticket", None, True, Frame(3, 2, bytes.fromhex("0a0a0a0a0a0a")).encode().hex(" ")),
    ],
)
def test_shows_numbers(quantity: str, value: int | str | None, letters: bool, wire: str) -> None:
    assert shown(Command(quantity, value, part="3"), 3, letters=letters).encode().hex(" ") == wire


@given(st.lists(FRAMES, max_size=8), st.lists(st.binary(max_size=20), min_size=8, max_size=8), st.integers(1, 9))
def test_finds_every_frame_between_noise_in_pieces(frames: list[Frame], noises: list[bytes], piece: int) -> None:
    noises = [noise.replace(b"\xff", b"") for noise in noises]
    wire = b"".join(noise + frame.encode() for frame, noise in zip(frames, noises, strict=False))
    buffer = bytearray()
    found: list[Frame] = []
    for start in range(0, len(wire), piece):
        buffer += wire[start : start + piece]
        found += decode(buffer)
    assert found == frames


@given(st.lists(FRAMES, min_size=1, max_size=6), st.data())
def test_one_wrong_missing_or_doubled_byte_invents_nothing(frames: list[Frame], data: st.DataObject) -> None:
    wire = b"".join(frame.encode() for frame in frames)
    at = data.draw(st.integers(0, len(wire) - 1))
    instead = data.draw(st.sampled_from([b"", wire[at : at + 1] * 2]) | st.binary(min_size=1, max_size=1))
    found = list(decode(bytearray(wire[:at] + instead + wire[at + 1 :])))
    assert is_part(found, frames)
    assert len(found) >= len(frames) - 2  # the one that was hit, and at most the one after it


def is_part(found: list[Frame], frames: list[Frame]) -> bool:
    """Whether `found` is `frames` with some left out: none is new and none is there twice."""
    rest: Iterator[Frame] = iter(frames)
    return all(frame in rest for frame in found)


@given(st.sampled_from([NEXT, RATING]), st.integers(0, 9), st.integers(0, 255))
def test_no_other_byte_makes_another_press(wire: bytes, at: int, byte: int) -> None:
    spoiled = wire[:at] + bytes([byte]) + wire[at + 1 :]
    assert [frame.encode() for frame in decode(bytearray(spoiled + NEXT))] in ([NEXT], [wire, NEXT])


@given(
    st.binary(max_size=4096) | st.lists(st.sampled_from([b"\xff", b"\xff\x68", b"\x08\x08\x68", b"\x16", NEXT]), max_size=99).map(b"".join)
)
def test_no_bytes_break_it_or_pile_up(received: bytes) -> None:
    buffer = bytearray(received)
    list(decode(buffer))
    assert len(buffer) < 8 + 7


@pytest.mark.parametrize("counters", [{}, {300: "1"}, dict.fromkeys(range(33), "1")])
def test_counters_that_cannot_be(counters: dict[int, str]) -> None:
    with pytest.raises(ValidationError):
        settings(counters=counters)


def settings(**more: object) -> Settings:
    usual = {"link": {"serial": "/dev/ttyTEST", "baud": 115200}, "counters": {3: "3"}, "presence_every_s": 3600}
    return Settings.model_validate({**usual, **more})


def present(written: bytes) -> bytes | None:
    """What a device with a display answers: to a roll call the same frame."""
    (frame,) = decode(bytearray(written))
    return written if frame.command == 0 else None


async def test_a_press_is_echoed_once_it_is_committed_and_not_before() -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    branch.committing.clear()
    async with running(partial(run, settings(), branch)):
        await branch.until(lambda: branch.states("3") == ["online"])
        line.say(NEXT[:4])
        line.say(NEXT[4:] + RATING)
        branch.tell("waiting", 17, "3")
        await branch.until(lambda: SEVENTEEN in line.written)  # a slow disk holds up no display
        assert line.written == [PRESENT, SEVENTEEN]
        branch.committing.set()
        await branch.until(lambda: len(line.written) == 4)
    assert line.written[2:] == [NEXT, Frame(3, 1, b"\x03").encode()]
    assert [(o.kind, o.part) for o in branch.occurrences] == [("key.pressed", "3"), ("rating.given", "3")]


async def test_copies_that_come_before_the_commit_are_one_press_with_one_echo() -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    branch.committing.clear()
    async with running(partial(run, settings(), branch)):
        for _ in range(5):
            line.say(NEXT)
        line.say(RECALL)
        await branch.until(line._chunks.empty)
        branch.committing.set()
        await branch.until(lambda: RECALL in line.written)
    assert line.written.count(NEXT) == 1
    assert [occurrence.data["key"] for occurrence in branch.heard] == ["next", "recall"]


async def test_a_copy_after_the_echo_is_echoed_again_and_is_no_second_press() -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(NEXT)
        await branch.until(lambda: NEXT in line.written)

        async def pressed_again() -> None:
            while line.written.count(NEXT) < 2:  # as a device does that missed its echo: every 200 ms
                await asyncio.sleep(0.2)
                line.say(NEXT)

        await asyncio.wait_for(pressed_again(), 10)
    assert len(branch.occurrences) == 1
    assert len(branch.heard) >= 2


async def test_an_adapter_that_hears_itself_is_not_taken_for_a_device() -> None:
    def echo_and_answer(written: bytes) -> bytes:
        return written + (present(written) or b"")

    line = FakeLine(echo_and_answer)
    branch = FakeBranch(line)
    async with running(partial(run, settings(echoes=True), branch)):
        await branch.until(lambda: branch.states("3") == ["online"])
        line.say(NEXT)
        branch.tell("ticket", "A042", "3")
        await branch.until(lambda: branch.outcomes and NEXT in line.written)
        line.say(RECALL)  # by now whatever came of the echo is through
        await branch.until(lambda: RECALL in line.written)
        await branch.until(line._chunks.empty)
    assert line.written.count(NEXT) == 1
    assert [occurrence.data["key"] for occurrence in branch.heard] == ["next", "recall"]
    assert branch.states() == ["online"]


async def test_an_adapter_that_only_hears_itself_has_nobody_there() -> None:
    line = FakeLine(lambda written: written)
    branch = FakeBranch(line)
    async with running(partial(run, settings(echoes=True, presence_every_s=0.01), branch)):
        await branch.until(lambda: branch.states("3") == ["offline"])


async def test_an_adapter_that_hears_itself_unexpectedly_is_told_and_makes_no_storm() -> None:
    line = FakeLine(lambda written: written)
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(NEXT)
        await branch.until(lambda: NEXT in line.written)
        branch.tell("beep", True, "3")
        await branch.until(lambda: "faulty" in branch.states())
    assert "echoes: true" in branch.reason()
    assert line.written.count(NEXT) == 1
    assert len(branch.heard) == 1


async def test_three_unanswered_calls_are_offline_and_any_word_is_online_again() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(presence_every_s=0.01), branch)):
        await branch.until(lambda: branch.states("3") == ["offline"])
        assert line.written[:3] == [PRESENT] * 3
        assert branch.states() == ["offline"]
        assert "address 3 " in branch.reason("3")
        line.say(RECALL)
        await branch.until(lambda: branch.states("3")[:2] == ["offline", "online"])
        assert branch.states()[:2] == ["offline", "online"]


async def test_one_of_two_that_is_silent_makes_the_bus_faulty_and_nobody_else_offline() -> None:
    line = FakeLine(lambda written: present(written) if written[5] == 3 else None)
    branch = FakeBranch(line)
    async with running(partial(run, settings(counters={3: "3", 4: 4}, presence_every_s=0.01), branch)):
        await branch.until(lambda: branch.states("4") == ["offline"])
        await branch.until(lambda: branch.states() == ["online", "faulty"])
    assert branch.states("3") == ["online"]
    assert "address 4 " in branch.reason()


async def test_a_display_that_was_away_is_shown_what_it_missed() -> None:
    there = False
    line = FakeLine(lambda written: present(written) if there else None)
    branch = FakeBranch(line)
    async with running(partial(run, settings(presence_every_s=0.01), branch)):
        branch.tell("waiting", 17, "3")
        await branch.until(lambda: branch.states("3") == ["offline"])
        assert line.written.count(SEVENTEEN) == 1
        there = True
        await branch.until(lambda: line.written.count(SEVENTEEN) == 2)


async def test_every_address_of_a_counter_shows_its_number() -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    async with running(partial(run, settings(counters={3: "3", 13: "3"}), branch)):
        command = branch.tell("waiting", 17, "3")
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes == [(command, Outcome.SENT, "")]
    assert [Frame(address, 2, b"\0\1\7\n\n\n").encode() in line.written for address in (3, 13)] == [True, True]


@pytest.mark.parametrize(
    ("quantity", "value", "part"),
    [
        ("waiting", 1, "9"),
        ("volume_pct", 1, "3"),
        ("ticket", "票1", "3"),
        ("waiting", "many", "3"),
    ],
)
async def test_what_cannot_be_shown_is_not_sent(quantity: str, value: int | str, part: str) -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        branch.tell(quantity, value, part)
        branch.tell("beep", True, "3")
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [found for _, found, _ in branch.outcomes] == [Outcome.REFUSED, Outcome.SENT]
    assert [sent for sent in line.written if sent != PRESENT] == [BEEP]


async def test_a_line_that_is_away_fails_the_command_and_shows_it_later() -> None:
    line = FakeLine(present)
    line.away = True
    branch = FakeBranch(line)
    async with running(partial(run, settings(presence_every_s=0.01), branch)):
        branch.tell("waiting", 17, "3")
        line.say(NEXT)
        await branch.until(lambda: branch.outcomes and branch.heard)
        assert branch.outcomes[0][1] is Outcome.FAILED
        line.away = False
        await branch.until(lambda: SEVENTEEN in line.written)


async def test_nobody_is_talked_over() -> None:
    line = FakeLine(present)
    branch = FakeBranch(line)
    async with running(partial(run, settings(link={"serial": "/dev/ttyTEST", "baud": 50}), branch)):  # a character takes 200 ms
        await branch.until(lambda: branch.states("3") == ["online"])
        line.say(NEXT[:6])  # somebody begins to speak
        await branch.until(line._chunks.empty)
        branch.tell("beep", True, "3")
        for byte in NEXT[6:]:
            await asyncio.sleep(0.05)
            assert BEEP not in line.written
            line.say(bytes([byte]))
        await branch.until(lambda: NEXT in line.written)
        assert BEEP not in line.written  # the echo goes first


async def test_a_line_that_never_falls_quiet_fails_the_command_and_is_told() -> None:
    line = FakeLine()
    branch = FakeBranch(line)

    async def babble() -> None:
        while True:
            line.say(b"\0" * 10)
            await asyncio.sleep(0.001)

    async with running(babble), running(partial(run, settings(link={"serial": "/dev/ttyTEST", "baud": 300}), branch)):
        branch.tell("beep", True, "3")
        await branch.until(lambda: branch.outcomes)
        await branch.until(lambda: "faulty" in branch.states())
    assert branch.outcomes[0][1] is Outcome.FAILED
    assert "without a pause" in branch.reason()


async def test_on_a_real_tty() -> None:
    host, device = os.openpty()
    tty.setraw(host)
    path = os.ttyname(device)
    loop, heard = asyncio.get_running_loop(), bytearray()
    loop.add_reader(host, lambda: heard.extend(os.read(host, 4096)))
    branch = FakeBranch()
    try:
        async with running(partial(run, settings(link={"serial": path}), branch)):
            await branch.until(lambda: PRESENT in heard)
            os.write(host, PRESENT + NEXT)
            await branch.until(lambda: NEXT in heard)
            branch.tell("waiting", 17, "3")
            await branch.until(lambda: SEVENTEEN in heard)
    finally:
        loop.remove_reader(host)
        os.close(host)
        os.close(device)
    assert [occurrence.data for occurrence in branch.occurrences] == [{"key": "next"}]
