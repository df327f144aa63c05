"""Window display: the documented bytes on a real line, and what a display that is silent or refuses comes to."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.links.lines import Lines
from devices.reading import Command, Outcome
from devices.window_display import Settings, Shown, run, shown
from tests.devices.fakes import running
from tests.devices.modbus_slave import SlaveLine, WiredBranch

NUMBER_42 = bytes.fromhex("01 06 00 00 00 2A 08 15")
TEXT_A012 = bytes.fromhex("01 10 00 70 00 03 06 20 41 30 31 32 20 95 B3")


def settings(link: dict[str, str], **more: object) -> Settings:
    return Settings.model_validate({"link": link, "counters": {1: "3"}, "timeout_s": 0.2, **more})


async def test_the_documented_frames_and_their_outcome() -> None:
    line = SlaveLine()
    line.registers[1] = {}
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            branch.tell("waiting", 42, part="3")
            branch.tell("ticket", "A012", part="3")
            await branch.until(lambda: len(branch.outcomes) == 2)
    assert line.asked == [NUMBER_42, TEXT_A012]
    assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.CONFIRMED] * 2
    assert branch.states("3")[-1] == "online"


async def test_a_silent_display_is_told_and_comes_back_by_itself() -> None:
    line = SlaveLine()
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link, refresh_s=1), branch)):
            branch.tell("waiting", 42, part="3")
            await branch.until(lambda: branch.outcomes)
            assert branch.outcomes[0][1] is Outcome.FAILED
            assert len(line.asked) == 2  # tried again once
            assert branch.states("3") == ["offline"]
            assert "address 1" in branch.reason("3")
            line.registers[1] = {}
            await branch.until(lambda: branch.states("3") == ["offline", "online"])
    assert line.registers[1][0] == 42  # it shows what it missed


async def test_what_came_while_the_line_was_away_is_shown_when_it_is_back() -> None:
    line = SlaveLine()
    line.registers[1] = {}
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines, opened=False)
        async with running(lambda: run(settings(link), branch)):
            branch.tell("waiting", 7, part="3")
            await branch.until(lambda: line.registers[1].get(0) == 7)
    assert branch.outcomes[0][1] is Outcome.FAILED


async def test_a_slave_that_takes_no_number_is_faulty() -> None:
    line = SlaveLine()
    line.registers[1] = {}
    line.refuses[1, 6] = 2
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            branch.tell("waiting", 42, part="3")
            await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.REFUSED
    assert branch.states("3") == ["faulty"]
    assert "window display" in branch.reason("3")


@pytest.mark.parametrize(
    ("command", "outcome", "detail"),
    [
        (Command("waiting", -1, part="3"), Outcome.REFUSED, "whole number"),
        (Command("waiting", "many", part="3"), Outcome.REFUSED, "whole number"),
        (Command("ticket", "A0123456", part="3"), Outcome.REFUSED, "6 ASCII characters"),
        (Command("ticket", "爱心012", part="3"), Outcome.REFUSED, "ASCII"),
        (Command("ticket", "A012", part="9"), Outcome.REFUSED, "no display is at counter '9'"),
        (Command("beep", True, part="3"), Outcome.REFUSED, "beep"),
        (Command("waiting", 1, part="3", until=1.0), Outcome.EXPIRED, ""),
    ],
)
async def test_what_it_cannot_show_is_refused_and_nothing_written(command: Command, outcome: Outcome, detail: str) -> None:
    line = SlaveLine()
    line.registers[1] = {}
    async with line.listening() as link, Lines() as lines:
        branch = WiredBranch(lines)
        async with running(lambda: run(settings(link), branch)):
            branch.tell(command.quantity, command.value, command.part, until=command.until)
            await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is outcome
    assert detail in branch.outcomes[0][2]
    assert line.asked == []


@given(st.integers(0, 5000))
def test_any_number_that_can_wait(number: int) -> None:
    assert shown(Command("waiting", number)) == Shown(0, (number,))


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=6))
def test_a_text_always_fills_its_registers(ticket: str) -> None:
    found = shown(Command("ticket", ticket))
    assert found.register == 0x70
    characters = b"".join(word.to_bytes(2, "big") for word in found.words)
    assert len(characters) == 6
    assert characters.decode().strip() == ticket.strip()


@given(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.sampled_from(["waiting", "ticket", "mode"]))
def test_no_value_breaks_it(value: float | str | None, quantity: str) -> None:
    found = None
    with contextlib.suppress(ValueError):
        found = shown(Command(quantity, value))
    assert found is None or all(0 <= word <= 0xFFFF for word in found.words)


@pytest.mark.parametrize("counters", [{}, {0: "1"}, {248: "1"}, {1: "1", 2: "1"}])
def test_addresses_and_counters_that_cannot_be(counters: dict[int, str]) -> None:
    with pytest.raises(ValidationError):
        settings({"serial": "/dev/ttyTEST"}, counters=counters)


def test_which_counter_a_display_belongs_to() -> None:
    found = settings({"serial": "/dev/ttyTEST"}, counters={1: "1", 2: "b"})
    assert found.serves() == {"1": ("counter", "1"), "b": ("counter", "b")}
    assert found.commanded() == ("waiting", "ticket")
