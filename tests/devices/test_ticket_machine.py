"""Ticket machine: what it says is kept and then acknowledged, what it is told is repeated until heard, what is printed is sure."""

from __future__ import annotations

import asyncio
import json
import os
import tty
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from devices.reading import Outcome
from devices.ticket_machine import Settings, run
from devices.wire import ticket_frames as frames
from devices.wire.ticket_frames import Frame, decode
from tests.devices.fakes import FakeBranch, FakeLine, running

ISSUED = bytes.fromhex("02 0B 01 01 00 02 02 05 41 00 0C 01 00 8B 30 03")
KEY = bytes.fromhex("02 07 01 11 00 01 01 01 0C 43 C5 03")
NEAR_END = bytes.fromhex("02 09 01 01 00 03 03 03 01 00 00 79 C3 03")
CLOCK_REQUEST = bytes.fromhex("02 06 01 01 00 04 04 00 02 10 03")
CLOCK = bytes.fromhex("02 0A 01 00 00 04 07 04 6B 04 E8 D9 11 31 03")
ACKNOWLEDGED = bytes.fromhex("02 06 01 00 00 02 06 00 DE B1 03")
CALL = {"ticket": "A012", "counter": "3", "action": "call"}


def settings(**more: object) -> Settings:
    usual: dict[str, object] = {"link": {"serial": "/dev/ttyTEST"}, "heartbeat_every_s": 3600}
    return Settings.model_validate({**usual, **more})


def beat(uptime_s: int, sequence: int = 1) -> bytes:
    return Frame(1, sequence, frames.HEARTBEAT, uptime_s.to_bytes(4, "big")).encode()


def acknowledging(written: bytes) -> bytes | None:
    """A machine that acknowledges calls."""
    (frame,) = decode(bytearray(written))
    return Frame(1, frame.sequence, frames.ACKNOWLEDGEMENT).encode() if frame and frame.type == frames.CALL else None


async def test_a_ticket_is_acknowledged_once_it_is_committed_and_not_before() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    branch.committing.clear()
    async with running(partial(run, settings(), branch)):
        line.say(ISSUED[:7])
        line.say(ISSUED[7:] + CLOCK_REQUEST)
        await branch.until(lambda: line.written)  # a slow disk does not hold up the clock
        assert line.written == [CLOCK]
        branch.committing.set()
        await branch.until(lambda: len(line.written) == 2)
    assert line.written == [CLOCK, ACKNOWLEDGED]
    assert [(o.kind, o.data["ticket"], o.data["class"]) for o in branch.occurrences] == [("ticket.issued", "A012", "care")]


async def test_a_repeat_is_acknowledged_again_and_counted_once() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        for time in range(1, 4):
            line.say(ISSUED)
            await branch.until(lambda time=time: len(line.written) == time)
    assert line.written == [ACKNOWLEDGED] * 3
    assert len(branch.occurrences) == 1


async def test_the_same_number_with_other_content_is_another_ticket() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(ISSUED + Frame(1, 2, frames.ISSUED, b"A\0\x0d\0\0").encode())
        await branch.until(lambda: len(line.written) == 2)
    assert [occurrence.data["ticket"] for occurrence in branch.occurrences] == ["A012", "A013"]


async def test_keys_and_calls_of_the_machine() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(counters={0x11: 7}), branch)):
        line.say(KEY + Frame(1, 2, frames.KEY, b"B").encode() + Frame(1, 3, frames.CALL, b"\x03A\0\x0c\x04").encode())
        await branch.until(lambda: len(line.written) == 3)
    assert [(o.kind, o.part, dict(o.data)) for o in branch.occurrences] == [
        ("key.pressed", "7", {"key": "next"}),
        ("ticket.requested", "", {"prefix": "B"}),
        ("ticket.called", "3", {"ticket": "A012", "counter": "3", "action": "finish"}),
    ]


async def test_our_own_voice_and_the_unknown_are_not_answered() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(Frame(0, 9, frames.CALL, b"\x03A\0\x0c\x01").encode() + Frame(1, 10, frames.KEY, b"\x7f").encode() + ISSUED)
        await branch.until(lambda: line.written)
    assert line.written == [ACKNOWLEDGED]
    assert len(branch.occurrences) == 1


async def test_its_paper_and_cover_are_told() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(NEAR_END)
        await branch.until(lambda: len(line.written) == 1)
        paper = branch.latest("paper")
        assert paper is not None
        assert paper.value == "near_end"
        assert branch.states() == ["online"]
        line.say(Frame(1, 4, frames.STATUS, b"\x02\0\0").encode())
        await branch.until(lambda: branch.states() == ["online", "faulty"])
        assert "put a new roll in" in branch.reason()
        line.say(Frame(1, 5, frames.STATUS, b"\0\0\0").encode())
        await branch.until(lambda: branch.states() == ["online", "faulty", "online"])
    assert len(line.written) == 3  # each acknowledged


async def test_three_missing_heartbeats_are_offline_and_one_is_online_again() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(heartbeat_every_s=0.05), branch)):
        line.say(beat(10))
        await branch.until(lambda: branch.states() == ["online", "offline"])
        assert "three heartbeats" in branch.reason()
        line.say(beat(20))
        await branch.until(lambda: branch.states()[:3] == ["online", "offline", "online"])
    assert branch.occurrences == []


async def test_of_a_line_that_is_away_the_link_tells() -> None:
    line = FakeLine()
    line.away = True
    branch = FakeBranch(line)
    async with running(partial(run, settings(heartbeat_every_s=0.002), branch)):
        branch.tell("call", json.dumps(CALL))
        await branch.until(lambda: branch.outcomes)
        line.say(ISSUED)
        await branch.until(lambda: branch.occurrences)
    assert branch.outcomes[0][1] is Outcome.FAILED
    assert "offline" not in branch.states()


async def test_an_uptime_that_fell_is_a_restart_told_once() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(beat(100, 1) + beat(105, 2) + beat(3, 3) + beat(3, 3) + beat(8, 4))
        await branch.until(lambda: branch.latest("uptime_s") and branch.latest("uptime_s").value == 8)
        await branch.until(lambda: branch.occurrences)
    assert [occurrence.kind for occurrence in branch.occurrences] == ["machine.restarted"]
    assert line.written == []  # a heartbeat is not acknowledged


async def test_noise_is_told_and_ends() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        line.say(ISSUED)
        line.say((ISSUED[:-1] + b"\x04") * 30)
        await branch.until(lambda: branch.states() == ["online", "faulty"])
        assert "baud rate" in branch.reason()
        line.say(beat(1))
        await branch.until(lambda: branch.states() == ["online", "faulty", "online"])


async def test_a_call_is_confirmed_by_the_machine() -> None:
    line = FakeLine(acknowledging)
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        branch.tell("call", json.dumps(CALL), "3")
        branch.tell("call", json.dumps({**CALL, "action": "recall"}), "3")
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.CONFIRMED] * 2
    first, second = (frame for wire in line.written for frame in decode(bytearray(wire)) if frame)
    assert (first.source, first.payload, second.payload) == (0, b"\x03A\0\x0c\x01", b"\x03A\0\x0c\x02")
    assert second.sequence == first.sequence + 1


async def test_a_call_that_is_not_acknowledged_is_said_four_times() -> None:
    line = FakeLine(lambda written: Frame(1, 999, frames.ACKNOWLEDGEMENT).encode())  # of something else
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        branch.tell("call", json.dumps(CALL), "3")
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
    assert len(line.written) == 4
    assert len(set(line.written)) == 1


@pytest.mark.parametrize("value", ["", "[]", "{}", json.dumps({**CALL, "counter": "main"}), json.dumps({**CALL, "action": "sing"})])
async def test_a_call_that_is_none_is_refused(value: str) -> None:
    line = FakeLine(acknowledging)
    branch = FakeBranch(line)
    async with running(partial(run, settings(), branch)):
        branch.tell("call", value)
        branch.tell("call", json.dumps(CALL))
        branch.tell("volume_pct", 3)
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: len(branch.outcomes) == 4)
    outcomes = {(command.quantity, str(command.value)): outcome for command, outcome, _ in branch.outcomes}
    assert outcomes.pop(("call", json.dumps(CALL))) is Outcome.CONFIRMED
    assert set(outcomes.values()) == {Outcome.REFUSED}


# the printer


class FakePrinter:
    """Answers as an ESC/POS printer does; `paper` is its sensor's byte, None: it does not answer."""

    def __init__(self, *, confirms: bool = True) -> None:
        self.paper: int | None = 0x12
        self.paper_after: int | None = 0x12
        self.confirms = confirms

    def __call__(self, written: bytes) -> bytes | None:
        if written == b"\x10\x04\x04":
            return None if self.paper is None else bytes([self.paper])
        at = written.find(b"\x1d\x28\x48\x06\x00\x30\x30")
        self.paper = self.paper_after
        return b"\x37\x22" + written[at + 7 :] + b"\0" if at >= 0 and self.confirms else None


def with_printer(printer: FakePrinter, **more: object) -> tuple[FakeLine, FakeBranch, Any]:
    line = FakeLine(printer)
    branch = FakeBranch(line)
    usual: dict[str, object] = {"printer": {"serial": "/dev/ttyPRINTER"}, "confirmed_within_s": 0.05, "prints_within_s": 0}
    return line, branch, partial(run, Settings.model_validate({**usual, **more}), branch)


async def test_a_ticket_is_printed_and_confirmed() -> None:
    line, branch, driver = with_printer(FakePrinter())
    async with running(driver):
        branch.tell("print_ticket", json.dumps({"ticket": "A012", "service_name": "个人业务"}), id="c1")
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.CONFIRMED
    assert [(o.kind, dict(o.data)) for o in branch.occurrences] == [("ticket.printed", {"ticket": "A012", "print": "ok"})]
    assert "个人业务".encode("gb18030") in line.sent
    assert branch.states() == ["online"]


@pytest.mark.parametrize(
    ("confirms", "before", "after", "print_", "outcome", "sent"),
    [
        (True, 0x72, 0x72, "failed", Outcome.FAILED, False),
        (True, None, None, "failed", Outcome.FAILED, False),
        (True, 0x12, 0x72, "failed", Outcome.FAILED, True),
        (True, 0x12, 0x12, "unknown", Outcome.NOT_CONFIRMED, True),
        (True, 0x12, None, "unknown", Outcome.NOT_CONFIRMED, True),
        (False, 0x1E, 0x1E, "ok", Outcome.CONFIRMED, True),
        (False, 0x12, 0x72, "failed", Outcome.FAILED, True),
        (False, 0x12, None, "unknown", Outcome.NOT_CONFIRMED, True),
        (False, 0x72, 0x72, "failed", Outcome.FAILED, False),
    ],
)
async def test_what_is_not_printed_for_sure(
    confirms: bool, before: int | None, after: int | None, print_: str, outcome: Outcome, sent: bool
) -> None:
    printer = FakePrinter(confirms=False)
    printer.paper, printer.paper_after = before, after
    line, branch, driver = with_printer(printer, confirms=confirms)
    async with running(driver):
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: branch.outcomes)
    assert (branch.occurrences[0].data["print"], branch.outcomes[0][1]) == (print_, outcome)
    assert (b"A012" in line.sent) is sent
    assert (b"\x1d\x28\x48" in line.sent) is (sent and confirms)


async def test_paper_that_ends_and_is_filled_up_is_told() -> None:
    printer = FakePrinter()
    printer.paper = 0x72
    _, branch, driver = with_printer(printer)
    async with running(driver):
        await branch.until(lambda: branch.states() == ["faulty"])
        assert "no paper" in branch.reason()
        printer.paper = 0x12
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: branch.states() == ["faulty", "online"])


async def test_the_answer_to_an_earlier_ticket_confirms_no_later_one() -> None:
    printer = FakePrinter(confirms=False)
    line, branch, driver = with_printer(printer)
    async with running(driver):
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: branch.outcomes)
        at = line.sent.find(b"\x1d\x28\x48\x06\x00\x30\x30")
        line.say(b"\x37\x22" + line.sent[at + 7 : at + 11] + b"\0")
        branch.tell("print_ticket", '{"ticket": "A013"}')
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [o.data["print"] for o in branch.occurrences] == ["unknown", "unknown"]


async def test_no_ticket_at_all_is_refused_and_the_next_is_printed() -> None:
    _, branch, driver = with_printer(FakePrinter())
    async with running(driver):
        branch.tell("print_ticket", "A012")
        branch.tell("print_ticket", '{"ticket": "A012"}')
        await branch.until(lambda: len(branch.outcomes) == 2)
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.REFUSED, Outcome.CONFIRMED]


def test_what_it_can_be_told_depends_on_what_is_set() -> None:
    assert settings().commanded() == ("call",)
    assert settings(printer={"tcp": "192.0.2.9:9100"}).commanded() == ("call", "print_ticket")
    assert settings(link=None, printer={"serial": "/dev/ttyUSB3"}).commanded() == ("print_ticket",)


@pytest.mark.parametrize(
    "wrong", [{"link": None}, {"encoding": "klingon"}, {"counters": {0: "1"}}, {"link": {"tcp": "a:1"}}, {"printer": {"mqtt": "x"}}]
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


async def test_on_a_real_tty() -> None:
    host, device = os.openpty()
    tty.setraw(host)
    loop, heard = asyncio.get_running_loop(), bytearray()
    loop.add_reader(host, lambda: heard.extend(os.read(host, 4096)))
    branch = FakeBranch()
    try:
        async with running(partial(run, settings(link={"serial": os.ttyname(device)}), branch)):
            async with asyncio.timeout(20):
                while ACKNOWLEDGED not in heard:  # what comes before the line is open is lost, and said again
                    os.write(host, beat(5) + ISSUED)
                    await asyncio.sleep(0.2)
    finally:
        loop.remove_reader(host)
        os.close(host)
        os.close(device)
    assert len(branch.occurrences) == 1
