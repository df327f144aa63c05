"""Told: what an occurrence's data says, taken with care, for it comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

_LONGEST: Final = 64  # characters of an id or a ticket's name
_PROMPT_S: Final = 120.0
_LATE_S: Final = 6 * 3600.0


def word(data: Mapping[str, Any], key: str) -> str:
    """The text at `key`, empty where there is none; a number counts as its digits."""
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()[:_LONGEST]


def whole(data: Mapping[str, Any], key: str) -> int | None:
    """The whole number at `key`, or None."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: object, zone: tzinfo) -> float | None:
    """Unix seconds of a number or an ISO 8601 text (in `zone` where it has no offset); None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None


def when(device_time: float | None, now: float) -> float:
    """When it happened: now, for the box's clock is the better one, but for what was delivered late the device's time."""
    if device_time is None or not _PROMPT_S < now - device_time <= _LATE_S:
        return now
    return device_time
