"""The detectors on this box: list, add, pull, remove, and which one a camera gets."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models import background
from models.background import Background
from models.decode import Boxes
from models.detector import Detector, describe, fits, open_file, shape_of
from models.manifest import Manifest, ModelError, known, parse, read

SYSTEM_FOLDER: Final = Path("/var/lib/smartbranch/models")
_LARGEST_BYTES: Final = 1 << 30


class Entry(msgspec.Struct, frozen=True):
    """A detector that is on this box or could be."""

    name: str
    title: str
    state: Literal["active", "installed", "not installed"]
    licence: str
    size_bytes: int | None
    ap50: float | None
    measured_on: str
    cpu_ms: float | None
    good_for: str
    how: str  # what to do to have it; empty where it is installed


def folder() -> Path:
    """Where the detectors lie: `$SMARTBRANCH_MODELS`, for root `/var/lib/smartbranch/models`, else the user's data folder."""
    if named := os.environ.get("SMARTBRANCH_MODELS"):
        return Path(named)
    if os.geteuid() == 0 or os.access(SYSTEM_FOLDER, os.W_OK):
        return SYSTEM_FOLDER
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "smartbranch" / "models"


class PeopleDetector(Protocol):
    """Whatever finds people: a network, or the background model of one camera."""

    @property
    def name(self) -> str: ...

    @property
    def longest_px(self) -> int:
        """The longer side of a picture beyond which it sees no more."""
        ...

    def detect(self, pixels: NDArray[np.uint8]) -> Boxes:
        """People in a picture: n x 6 float32, x1 y1 x2 y2 in its pixels, score, class."""
        ...


class Catalog:
    """The detectors in one folder."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or folder()

    def manifests(self) -> dict[str, Manifest]:
        """Every manifest: those of the program, and those that were added here."""
        added = (read(path) for path in sorted(self.place.glob("*.toml"))) if self.place.is_dir() else ()
        return known() | {manifest.name: manifest for manifest in added}

    def path(self, manifest: Manifest) -> Path:
        """Where that network's file lies, or would."""
        return self.place / manifest.file

    def installed(self) -> list[Manifest]:
        """The networks whose file is here, the most accurate first."""
        here = [manifest for manifest in self.manifests().values() if self.path(manifest).is_file()]
        return sorted(here, key=lambda manifest: -(manifest.accuracy.ap50 or 0))

    def active(self, view: str = "oblique") -> Manifest | None:
        """What `detector: auto` takes for a camera with that view: the most accurate network made for it."""
        return next((manifest for manifest in self.installed() if view in manifest.views), None)

    def find(self, name: str, view: str = "oblique") -> Manifest:
        """The installed network called `name`, or the active one for `auto`.

        Raises:
            ModelError: not known, not installed, or none for that view.
        """
        if name == "auto":
            if found := self.active(view):
                return found
            raise ModelError("no detector is installed; `smartbranch models add FILE` with yolox_nano.onnx, see `smartbranch models list`")
        manifest = self.manifests().get(name)
        if manifest is None:
            raise ModelError(f"no detector is called {name!r}; known: {', '.join(sorted(self.manifests()))}")
        if not self.path(manifest).is_file():
            raise ModelError(f"{name} is not installed; {how(manifest)}")
        return manifest

    def chosen(self, name: str, view: str = "oblique") -> str:
        """The detector that `name` means for a camera with that view; raises ModelError as `find` does."""
        if name == background.NAME or (name == "auto" and view == "overhead" and self.active(view) is None):
            return background.NAME
        return self.find(name, view).name

    def open(self, name: str = "auto", view: str = "oblique", threads: int = 1) -> PeopleDetector:
        """The detector ready to run; raises ModelError as `find` does, and where its file is broken."""
        chosen = self.chosen(name, view)
        if chosen == background.NAME:
            return Background()
        manifest = self.find(chosen)
        return open_file(manifest, self.path(manifest), threads)

    def list(self) -> list[Entry]:
        """All there is and could be, the installed first."""
        active, installed = self.active(), self.installed()
        others = [manifest for manifest in self.manifests().values() if manifest not in installed]
        here = [self._entry(manifest, active) for manifest in installed]
        return [*here, _BACKGROUND, *(self._entry(manifest, None) for manifest in others), _OVERHEAD]

    def _entry(self, manifest: Manifest, active: Manifest | None) -> Entry:
        path, accuracy = self.path(manifest), manifest.accuracy
        here = path.is_file()
        state: Literal["active", "installed", "not installed"] = (
            "active" if here and manifest == active else "installed" if here else "not installed"
        )
        return Entry(
            manifest.name,
            manifest.title,
            state,
            manifest.licence,
            path.stat().st_size if here else None,
            accuracy.ap50,
            accuracy.on,
            accuracy.cpu_ms,
            manifest.good_for,
            "" if here else how(manifest),
        )

    def add(self, path: Path) -> tuple[Manifest, str]:
        """Check a network's file, keep a copy, and say what it is and what is not known of it (or an empty string).

        A manifest `NAME.toml` beside `NAME.onnx` is taken with it: that is how a network of one's own is added.

        Raises:
            ModelError: cannot be read, no network, one that no manifest describes, or broken weights.
        """
        model = _contents(path)
        manifest, note, own = self._recognise(path, model)
        Detector(manifest, model)
        self._keep(self.path(manifest), model)
        if own:
            self._keep(self.place / f"{manifest.name}.toml", own)
        return manifest, note

    def install(self, manifest: Manifest, model: bytes) -> None:
        """Keep a network that was pulled; raises ModelError where it does not run or the folder cannot be written."""
        Detector(manifest, model)
        self._keep(self.path(manifest), model)

    def remove(self, name: str) -> None:
        """Take a network off this box; raises ModelError where it is not on it."""
        manifest = self.find(name)
        self.path(manifest).unlink()
        (self.place / f"{manifest.name}.toml").unlink(missing_ok=True)

    def _recognise(self, path: Path, model: bytes) -> tuple[Manifest, str, bytes]:
        described, digest = describe(model, str(path)), hashlib.sha256(model).hexdigest()
        beside = path.with_suffix(".toml")
        if beside.is_file():
            text = beside.read_bytes()
            return parse(text.decode("utf-8", "replace"), str(beside)), "", text
        manifests = self.manifests().values()
        for manifest in manifests:
            if digest in manifest.sha256:
                return manifest, "", b""
        for manifest in manifests:
            if fits(manifest, described):
                return manifest, "another file than the one that was measured; its accuracy is not known", b""
        raise ModelError(
            f"{path}: a network that no manifest describes: {shape_of(described)}; write {beside.name} beside it (docs/vision.md)"
        )

    def _keep(self, path: Path, contents: bytes) -> None:
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(path.suffix + ".new")
            new.write_bytes(contents)
            shutil.move(new, path)  # the old file stays whole until the new one is
        except OSError as error:
            raise ModelError(f"{self.place}: cannot be written: {error.strerror}; set SMARTBRANCH_MODELS to a folder that can") from error


_BACKGROUND: Final = Entry(
    background.NAME,
    "Background model, no network",
    "installed",
    "Apache-2.0",
    None,
    None,
    "rendered doors of even light only: F1 .99 of 338 crossings; no real door",
    1.5,
    "cameras that look straight down on an even floor; takes whatever moves for a person",
    "",
)


_OVERHEAD: Final = Entry(
    "overhead",
    "Heads and shoulders from above",
    "not installed",
    "Apache-2.0",
    None,
    None,
    "",
    None,
    "cameras that look down on a busy door",
    f"not part of this version; until it is, `{background.NAME}` counts for cameras that look down",
)


def active(view: str = "oblique") -> str | None:
    """The detector that `detector: auto` takes on this box for a camera with that view, None where there is none."""
    try:
        return Catalog().chosen("auto", view)
    except ModelError:
        return None


def how(manifest: Manifest) -> str:
    """What to do to have a network on this box."""
    if manifest.pull:
        return f"`smartbranch models pull {manifest.name}`"
    return f"`smartbranch models add FILE` with {manifest.file} from {manifest.origin}"


def _contents(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ModelError(f"{path}: larger than 1 GiB; give the .onnx file that the network's makers publish")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
