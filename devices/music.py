"""Background music by the Music Player Daemon over TCP: the volume, and the list that plays (format K)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import Field

from devices.driver import Branch, DriverError, DriverSettings, LinkDownError, driver, text
from devices.links.tcp import TcpLink
from devices.reading import Command, Outcome, Sample, Text, Value
from devices.wire.mpd import Answer, Answers, Greeting, request
from devices.wire.quantities import QUANTITIES, plausible, reading, shortened
from devices.wire.troubles import Troubles

_COMMANDED: Final = ("volume_pct", "playlist")
_MOST_WAITING: Final = 64  # answers that nobody has asked for yet


class Settings(DriverSettings):
    """Where the player listens."""

    link: TcpLink.Settings
    every_s: float = Field(default=10.0, ge=0.1, le=50)  # how often it is asked; it hangs up after a minute of silence
    answer_s: float = Field(default=5.0, gt=0, le=60)

    def commanded(self) -> tuple[str, ...]:
        return _COMMANDED


class NoAnswerError(DriverError):
    """The player does not answer, or began anew before it did."""


class RefusedError(DriverError):
    """The player says that it cannot."""


class Player:
    """A conversation with the player: one request at a time, answered in order."""

    def __init__(self, settings: Settings, link: TcpLink) -> None:
        self._settings, self._link = settings, link
        self._turn = asyncio.Lock()
        self._heard: asyncio.Queue[Greeting | Answer] = asyncio.Queue(_MOST_WAITING)
        self._sure = False  # that the next answer is to the next request
        self._tokens = itertools.count(1)

    async def listen(self) -> None:
        """Keep each answer for whoever asked."""
        answers = Answers()
        async for received in self._link:
            for heard in answers.take(received):
                if self._heard.full():
                    self._heard.get_nowait()  # nobody asked for so much: it is sorted out with the next request
                self._heard.put_nowait(heard)

    async def ask(self, command: str, *arguments: str | int) -> Mapping[str, str]:
        """What the player says to a request.

        Raises:
            LinkDownError: the connection is away.
            NoAnswerError: no answer in time.
            RefusedError: the player cannot; the text says why.
        """
        asked = request(command, *arguments)
        async with self._turn:
            try:
                async with asyncio.timeout(self._settings.answer_s):
                    answer = await self._answer(asked)
            except TimeoutError:
                self._sure = False
                raise NoAnswerError(f"no answer to {command} within {self._settings.answer_s:g} s") from None
        if answer.error is not None:
            raise RefusedError(answer.error)
        return answer.said

    async def _answer(self, asked: bytes) -> Answer:
        if not self._sure or not self._heard.empty():
            await self._agree()
        await self._link.write(asked)
        heard = await self._heard.get()
        if isinstance(heard, Greeting):
            self._sure = False
            raise NoAnswerError("the player began anew")
        return heard

    async def _agree(self) -> None:
        """Ask for what no player knows: its refusal names it, and all before that is to older requests."""
        token = f"smartbranch-{next(self._tokens):08d}"
        await self._link.write(request(token))
        while True:
            heard = await self._heard.get()
            if isinstance(heard, Answer) and heard.error is not None and token in heard.error:
                self._sure = True
                return


class Music:
    """What the branch hears of the player, and has it do."""

    def __init__(self, settings: Settings, branch: Branch, player: Player) -> None:
        self._settings, self._branch, self._player = settings, branch, player
        self._troubles = Troubles(branch)
        self._playlist: str | None = None  # what it was told to play; a player before 0.24 does not say

    async def ask_for_ever(self) -> None:
        """Tell how loud it is and what plays, again and again."""
        while True:
            try:
                await self._status()
            except LinkDownError:
                pass  # the link tells of itself
            except (NoAnswerError, RefusedError) as error:
                self._troubles.began("silence", "stale", _strange(str(error)))
            await asyncio.sleep(self._settings.every_s)

    async def _status(self) -> Mapping[str, str]:
        said = await self._player.ask("status")
        for sample in samples(said, self._playlist):
            self._branch.measured(sample)
        if (error := said.get("error")) is not None:
            self._troubles.began("error", "faulty", text(f"the music player says: {error[:200]}", f"音乐播放器报告：{error[:200]}"))
            self._troubles.ended("silence")
        else:
            self._troubles.ended("silence", "error")
        return said

    async def obey(self) -> None:
        """Do what the branch commands, and say what came of it as the player says."""
        async for command in self._branch.commands():
            outcome, detail = await self._try(command)
            self._branch.done(command, outcome, detail)

    async def _try(self, command: Command) -> tuple[Outcome, str]:
        if command.until is not None and command.until < self._branch.now():
            return Outcome.EXPIRED, ""
        if command.quantity not in _COMMANDED:
            return Outcome.REFUSED, f"a music player cannot be told {command.quantity}, only {' and '.join(_COMMANDED)}"
        if plausible(command.quantity, command.value) is None:
            return Outcome.REFUSED, f"{command.quantity} needs {QUANTITIES[command.quantity].expected}, not {shortened(command.value)}"
        try:
            return await (self._set_volume if command.quantity == "volume_pct" else self._play)(command.value)
        except (RefusedError, ValueError) as error:
            return Outcome.REFUSED, str(error)
        except (LinkDownError, NoAnswerError) as error:
            return Outcome.FAILED, str(error)

    async def _set_volume(self, value: Value) -> tuple[Outcome, str]:
        wished = round(float(value or 0))
        await self._player.ask("setvol", wished)
        said = (await self._status()).get("volume")
        if said == str(wished):
            return Outcome.CONFIRMED, ""
        return Outcome.NOT_CONFIRMED, f"the player says its volume is {said or 'not known: has it a mixer?'}"

    async def _play(self, value: Value) -> tuple[Outcome, str]:
        await self._player.ask("clear")
        self._playlist = None
        await self._player.ask("load", str(value))
        self._playlist = str(value)
        await self._player.ask("play")
        said = await self._status()
        if said.get("state") == "play":
            return Outcome.CONFIRMED, ""
        return Outcome.NOT_CONFIRMED, f"the player took the list and says that it is {said.get('state', 'in no state')}: is the list empty?"


def _strange(why: str) -> Text:
    return text(
        f"the music player does not answer as MPD does ({why}): check what listens there",
        f"音乐播放器的应答不像 MPD（{why}）：请检查该端口上的服务",
    )


def samples(said: Mapping[str, str], told: str | None) -> Iterator[Sample]:
    """What the player's status says: its volume (none without a mixer), and its list while it plays."""
    volume = said.get("volume", "-1")
    if volume.isascii() and volume.isdigit():
        yield reading("volume_pct", int(volume), "mpd status")
    playlist = said.get("lastloadedplaylist") or told
    if playlist and said.get("state") == "play":
        yield reading("playlist", playlist, "mpd status")


@driver("music", Settings)
async def run(settings: Settings, branch: Branch) -> None:
    """Hear and tell the player until cancelled; the link reconnects by itself."""
    async with branch.open(settings.link) as link, asyncio.TaskGroup() as both:
        player = Player(settings, link)
        music = Music(settings, branch, player)
        both.create_task(player.listen())
        both.create_task(music.ask_for_ever())
        both.create_task(music.obey())
