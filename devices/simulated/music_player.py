"""A music player that speaks MPD's protocol: volume, playlists, play and stop (https://mpd.readthedocs.io/en/stable/protocol.html)."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable
from typing import Final

PLAYLISTS: Final = ("calm", "morning", "noon", "afternoon")
_LONGEST_LINE: Final = 4096
_UNKNOWN, _ARGUMENT, _NO_EXIST = 5, 2, 50


class MpdError(Exception):
    """A command that the player refuses, with MPD's error number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class MusicPlayer:
    """Listens on loopback; `obeyed(quantity, value)` is told of every volume and playlist."""

    def __init__(self, obeyed: Callable[[str, float | str], None]) -> None:
        self.port = 0
        self.volume_pct, self.playlist, self.state = 40, "", "stop"
        self._obeyed = obeyed
        self._server: asyncio.Server | None = None
        self._hosts: set[asyncio.StreamWriter] = set()
        self._changed: dict[asyncio.StreamWriter, asyncio.Event] = {}

    async def plug(self) -> None:
        """Listen; the port stays the same when plugged again."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LONGEST_LINE)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and drop whoever is connected."""
        server, self._server = self._server, None
        if server:
            server.close()
            for host in tuple(self._hosts):
                host.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hosts.add(writer)
        writer.write(b"OK MPD 0.23.5\n")
        with contextlib.suppress(OSError, ValueError):
            await self._talk(reader, writer)
        self._hosts.discard(writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listed: list[str] | None = None
        verbose = False
        while (line := (await reader.readline()).decode("utf-8", "replace").strip()) and line != "close":
            if line.startswith("command_list"):
                if line != "command_list_end":
                    listed, verbose = [], line == "command_list_ok_begin"
                    continue
                writer.write(self.answer(listed or [], verbose=verbose).encode())
                listed = None
            elif listed is not None:
                listed.append(line)
            elif line.startswith("idle"):
                writer.write(await self._idle(reader, writer))
            else:
                writer.write(self.answer([line]).encode())
            await writer.drain()

    async def _idle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Wait until something changes or the client says `noidle`."""
        changed = self._changed[writer] = asyncio.Event()
        waits = {asyncio.ensure_future(changed.wait()), asyncio.ensure_future(reader.readline())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._changed[writer]
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return b"changed: mixer\nchanged: player\nOK\n" if changed.is_set() else b"OK\n"

    def answer(self, lines: list[str], *, verbose: bool = False) -> str:
        """What is answered to one command, or to a list of them up to the first that is refused."""
        said = ""
        for number, line in enumerate(lines):
            name, *words = _words(line)
            try:
                said += "".join(f"{answered}\n" for answered in self._obey(name, words)) + ("list_OK\n" if verbose else "")
            except MpdError as error:
                return said + f"ACK [{error.code}@{number}] {{{name}}} {error}\n"
        return said + "OK\n"

    def _obey(self, name: str, words: list[str]) -> list[str]:
        match name, words:
            case ("status", []):
                return self._status()
            case ("setvol", [volume]) if volume.isdigit() and int(volume) <= 100:
                self.volume_pct = int(volume)
                self._tell("volume_pct", float(volume))
            case ("load", [playlist]):
                self._load(playlist)
            case ("listplaylists", []):
                return [f"playlist: {playlist}" for playlist in PLAYLISTS]
            case (("play" | "pause" | "stop" | "clear" | "ping" | "repeat" | "random" | "single" | "password" | "currentsong"), _):
                self.state = {"play": "play", "pause": "pause", "stop": "stop", "clear": "stop"}.get(name, self.state)
            case ("setvol", _):
                raise MpdError(_ARGUMENT, "Integer expected")
            case _:
                raise MpdError(_UNKNOWN, f'unknown command "{name}"')
        return []

    def _status(self) -> list[str]:
        said = {"volume": self.volume_pct, "repeat": 1, "playlistlength": 12, "state": self.state, "lastloadedplaylist": self.playlist}
        return [f"{key}: {value}" for key, value in said.items()]

    def _load(self, playlist: str) -> None:
        if playlist not in PLAYLISTS:
            raise MpdError(_NO_EXIST, "No such playlist")
        self.playlist = playlist
        self._tell("playlist", playlist)

    def _tell(self, quantity: str, value: float | str) -> None:
        self._obeyed(quantity, value)
        for changed in self._changed.values():
            changed.set()


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line) or [""]
    except ValueError:
        return [line]
