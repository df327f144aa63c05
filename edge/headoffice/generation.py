"""Generation: the name of one life of head office's database, and how a restore from a backup is found."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec


class Marker(msgspec.Struct, frozen=True):
    """What is kept beside the database, outside of its backups: its generation, and how many commits it had at least."""

    generation: str
    commits: int


def opened(kept: Marker | None, generation: str | None, commits: int) -> str:
    """The generation to go on under, given the marker and what the database says of itself.

    A database that has fewer commits than it had once is an older copy; one without its marker may be. Both begin a
    new generation, which is harmless where it was not needed: edges then compare and send only what is lacking.
    """
    if kept and generation and kept.generation == generation and kept.commits <= commits:
        return generation
    return secrets.token_hex(8)


def read(file: Path) -> Marker | None:
    """The marker in `file`; None where it is absent or torn."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Marker)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write(file: Path, marker: Marker) -> None:
    """Replace the marker; call it after the commit that it counts, never before."""
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(msgspec.json.encode(marker))
    fresh.replace(file)
