"""Arguments of the command line that only make sense within bounds; out of them argparse says so and nothing begins."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def number(written: str) -> float:
    """A number above 0, and finite."""
    try:
        found = float(written)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{written!r} is no number above 0")
    return found


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""

    def checked(written: str) -> int:
        if not written.isascii() or not written.isdigit() or not least <= int(written) <= most:
            raise argparse.ArgumentTypeError(f"{written!r} is no whole number from {least} to {most}")
        return int(written)

    return checked
