"""Machine: what tells this box from every other, so that a cloned store is found."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_OVERRIDE = "SMARTBRANCH_MACHINE_ID"
_PLACES = (Path("/etc/machine-id"), Path("/sys/class/dmi/id/product_uuid"))


def machine_id() -> str:
    """A digest of the machine's id and, where there is one, its board's; `SMARTBRANCH_MACHINE_ID` overrides."""
    given = os.environ.get(_OVERRIDE)
    return hashlib.sha256((given or "".join(map(_read, _PLACES))).encode()).hexdigest()[:32]


def _read(place: Path) -> str:
    try:
        return place.read_text(encoding="ascii").strip()
    except OSError:  # absent, or for root only
        return ""
