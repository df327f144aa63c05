"""Names of tickets: a prefix of letters and three digits."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"([A-Z]{0,3})([0-9]{1,5})")


def named(prefix: str, number: int) -> str:
    """The ticket's name: `A012`; a number above 999 takes the digits it needs."""
    return f"{prefix}{number:03d}"


def parted(name: str) -> tuple[str, int]:
    """Prefix and number of a ticket's name.

    Raises:
        ValueError: it is no name of a ticket.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no ticket: letters A-Z and a number are expected, as in A012")
    return found[1], int(found[2])
