"""Lock: one daemon a store; held as long as the process lives, whatever ends it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Final

_NAME: Final = "lock"


class InUseError(Exception):
    """Another process has the store; says which."""


def hold(folder: Path) -> IO[str]:
    """Lock the store in `folder` until what this returns is closed.

    Raises:
        InUseError: another process has it.
        OSError: the file cannot be opened.
    """
    file = (folder / _NAME).open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        who = file.read(20).strip() or "unknown"
        file.close()
        raise InUseError(f"another smartbranch (process {who}) has it; stop that one, or name another folder under `store`") from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
