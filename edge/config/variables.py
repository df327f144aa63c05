"""Variables: what `${VARIABLE}` in a file stands for, from the service manager's credentials and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment and, before it, systemd's credentials: a file `headoffice_password` is `${HEADOFFICE_PASSWORD}` too.

    Blocks on the disk. Credentials are where a secret belongs: an environment is inherited by every child and shown by `systemctl show`.
    """
    given = dict(os.environ if environment is None else environment)
    folder = given.get(_CREDENTIALS)
    return given | (dict(_credentials(Path(folder))) if folder else {})


def _credentials(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            value = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            continue  # a key in binary, or none of ours to read: it cannot stand in a file of text
        yield file.name, value
        yield file.name.upper(), value
