"""Background music: a conversation with a player on a real TCP connection, its refusals, its silences and its restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.links.lines import Lines
from devices.music import Settings, run, samples
from devices.reading import Outcome, Sample
from devices.wire.mpd import Answer, Answers, Greeting, request
from tests.devices.fakes import running
from tests.devices.modbus_slave import WiredBranch


class Mpd:
    """As much of the Music Player Daemon as the driver speaks with, over TCP."""

    def __init__(self) -> None:
        self.volume, self.state, self.playlists = 40, "stop", {"morning", 'quiet "hours"'}
        self.asked: list[str] = []
        self.loaded = ""
        self.mute: set[str] = set()  # requests that are not answered
        self.error = ""
        self._writers: list[asyncio.StreamWriter] = []

    def answer(self, line: str) -> str:
        command, _, argument = line.partition(" ")
        argument = argument.removeprefix('"').removesuffix('"').replace('\\"', '"')
        match command:
            case "status":
                error = f"error: {self.error}\n" if self.error else ""
                return f"volume: {self.volume}\nrepeat: 0\nstate: {self.state}\nlastloadedplaylist: {self.loaded}\n{error}OK\n"
            case "setvol":
                self.volume = int(argument)
            case "clear":
                self.state, self.loaded = "stop", ""
            case "load" if argument not in self.playlists:
                return "ACK [50@0] {load} No such playlist\n"
            case "load":
                self.loaded = argument
            case "play":
                self.state = "play"
            case _:
                return f'ACK [5@0] {{}} unknown command "{command}"\n'
        return "OK\n"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(b"OK MPD 0.23.5\n")
        with contextlib.suppress(ConnectionError):
            while line := (await reader.readline()).decode().rstrip("\n"):
                self.asked.append(line)
                if line.split(" ")[0] not in self.mute:
                    writer.write(self.answer(line).encode())
        writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()


@contextlib.asynccontextmanager
async def played(**more: Any) -> AsyncIterator[tuple[Mpd, WiredBranch]]:
    """A player, and a branch that hears it."""
    mpd = Mpd()
    server = await asyncio.start_server(mpd.serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    found = Settings.model_validate({"link": {"tcp": address}, "every_s": 0.1, "answer_s": 0.3, **more})
    async with Lines() as lines:
        branch = WiredBranch(lines, opened=False)
        try:
            async with running(lambda: run(found, branch)):
                await branch.until(lambda: branch.latest("volume_pct"))
                yield mpd, branch
        finally:
            mpd.hang_up()
            server.close()


async def test_says_how_loud_it_is_and_what_plays() -> None:
    async with played() as (_, branch):
        assert branch.latest("volume_pct") == Sample("volume_pct", 40)
        assert branch.latest("playlist") is None
        await branch.until(lambda: branch.states()[-1:] == ["online"])


async def test_a_volume_and_a_list_are_read_back() -> None:
    async with played() as (mpd, branch):
        branch.tell("volume_pct", 35.0)
        branch.tell("playlist", 'quiet "hours"')
        await branch.until(lambda: len(branch.outcomes) == 2)
        assert [outcome for _, outcome, _ in branch.outcomes] == [Outcome.CONFIRMED] * 2
        assert (mpd.volume, mpd.loaded, mpd.state) == (35, 'quiet "hours"', "play")
        assert branch.latest("playlist").value == 'quiet "hours"'
        assert 'load "quiet \\"hours\\""' in mpd.asked


@pytest.mark.parametrize(
    ("quantity", "value", "outcome", "detail"),
    [
        ("playlist", "evening", Outcome.REFUSED, "No such playlist"),
        ("playlist", "a\nclear", Outcome.REFUSED, "line break"),
        ("playlist", "", Outcome.REFUSED, "text"),
        ("volume_pct", 130, Outcome.REFUSED, "0 to 100"),
        ("light_pct", 10, Outcome.REFUSED, "volume_pct and playlist"),
    ],
)
async def test_what_it_cannot_do(quantity: str, value: Any, outcome: Outcome, detail: str) -> None:
    async with played() as (_, branch):
        branch.tell(quantity, value)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is outcome
    assert detail in branch.outcomes[0][2]


async def test_a_mixer_that_does_not_move_is_not_confirmed() -> None:
    async with played() as (mpd, branch):
        mpd.answer = lambda line, answer=mpd.answer: "OK\n" if line.startswith("setvol") else answer(line)  # type: ignore[method-assign]
        branch.tell("volume_pct", 10)
        await branch.until(lambda: branch.outcomes)
    assert branch.outcomes[0][1] is Outcome.NOT_CONFIRMED
    assert "40" in branch.outcomes[0][2]


async def test_an_answer_that_does_not_come_fails_and_the_next_is_not_taken_for_it() -> None:
    async with played() as (mpd, branch):
        mpd.mute.add("setvol")
        branch.tell("volume_pct", 10)
        await branch.until(lambda: branch.outcomes)
        assert branch.outcomes[0][1] is Outcome.FAILED
        mpd.mute.clear()
        branch.tell("playlist", "evening")
        await branch.until(lambda: len(branch.outcomes) == 2)
        assert branch.outcomes[1][1] is Outcome.REFUSED


async def test_it_is_heard_again_after_it_hung_up() -> None:
    async with played() as (mpd, branch):
        mpd.hang_up()
        await branch.until(lambda: "offline" in branch.states())
        mpd.volume = 22
        await branch.until(lambda: branch.latest("volume_pct").value == 22)
        assert branch.states()[-1] == "online"


async def test_its_own_error_is_told_until_it_is_over() -> None:
    async with played() as (mpd, branch):
        mpd.error = "Failed to open audio output"
        await branch.until(lambda: branch.states()[-1:] == ["faulty"])
        assert "audio output" in branch.reason()
        mpd.error = ""
        await branch.until(lambda: branch.states()[-1] == "online")


async def test_a_player_that_falls_silent_is_stale() -> None:
    async with played() as (mpd, branch):
        mpd.mute.add("status")
        await branch.until(lambda: branch.states()[-1:] == ["stale"])
        mpd.mute.clear()
        await branch.until(lambda: branch.states()[-1] == "online")


@pytest.mark.parametrize(
    ("said", "told", "found"),
    [
        ({"volume": "-1", "state": "play"}, None, []),
        ({"state": "stop"}, "morning", []),
        ({"volume": "30", "state": "play"}, "morning", [Sample("volume_pct", 30), Sample("playlist", "morning")]),
        ({"volume": "²", "state": "play", "lastloadedplaylist": "x"}, "morning", [Sample("playlist", "x")]),
    ],
)
def test_what_a_status_says(said: dict[str, str], told: str | None, found: list[Sample]) -> None:
    assert list(samples(said, told)) == found


def taken(received: bytes, piece: int = 1) -> list[Greeting | Answer]:
    answers = Answers()
    return [found for start in range(0, len(received), piece) for found in answers.take(received[start : start + piece])]


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_answers_in_any_pieces(piece: int) -> None:
    received = "OK MPD 0.23.5\nvolume: 40\ntitle: 晨: 曲\nOK\nOK\nACK [50@0] {load} No such playlist\n".encode()
    assert taken(received, piece) == [
        Greeting("0.23.5"),
        Answer({"volume": "40", "title": "晨: 曲"}),
        Answer(),
        Answer(error="[50@0] {load} No such playlist"),
    ]


@given(st.binary(max_size=2000), st.integers(1, 100))
def test_no_bytes_break_it(received: bytes, piece: int) -> None:
    assert len(taken(received, piece)) <= received.count(b"\n")


def test_bytes_without_end_do_not_pile_up() -> None:
    answers = Answers()
    for _ in range(1000):
        assert list(answers.take(b"x" * 1000)) == []
        assert len(answers._buffer) <= 8192
    for at in range(1000):
        assert list(answers.take(b"name%d: value\n" % at)) == []
    assert len(answers._said) <= 256


@given(st.text(max_size=20))
def test_a_name_stays_one_argument(name: str) -> None:
    with contextlib.suppress(ValueError):
        sent = request("load", name)
        assert sent.count(b"\n") == 1
        assert sent.endswith(b'"\n')
