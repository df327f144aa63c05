"""Shift: every moment of a state moved by the same seconds, when the wall clock was set."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.branch.state import BranchState

_MOMENTS: Final = frozenset(
    {
        "called_at",
        "commanded_at",
        "crossed_at",
        "empty_since",
        "hand_until",
        "issued_at",
        "last_at",
        "last_seen",
        "presumed_at",
        "queued_at",
        "read_at",
        "short_since",
        "since",
        "started_at",
        "t",
        "ticked_at",
        "until",
        "watched_from",
    }
)
_LISTS_OF_MOMENTS: Final = frozenset({"changes", "window", "writes"})
_TOTALS: Final = frozenset({"totals", "others"})
_NO_MOMENTS: Final = frozenset({"appointments"})  # of the calendar, not of what has passed


def shifted(state: BranchState, by_s: float) -> BranchState:
    """The state with its moments moved; 0 stands for never and stays."""
    moved: BranchState = _record(state, by_s)
    return moved


def _record(record: Any, by_s: float) -> Any:
    changes: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in _TOTALS:
            changes[name] = {key: (total, _moved(when, by_s)) for key, (total, when) in value.items()}
        elif name in _MOMENTS:
            changes[name] = _moved(value, by_s)
        elif name in _LISTS_OF_MOMENTS and value is not None:
            changes[name] = tuple(_moved(moment, by_s) for moment in value)
        elif name not in _NO_MOMENTS:
            changes[name] = _value(value, by_s)
    return msgspec.structs.replace(record, **changes)


def _value(value: Any, by_s: float) -> Any:
    if isinstance(value, msgspec.Struct):
        return _record(value, by_s)
    if isinstance(value, dict):
        return {key: _value(held, by_s) for key, held in value.items()}
    return value


def _moved(moment: Any, by_s: float) -> Any:
    return moment + by_s if moment else moment
