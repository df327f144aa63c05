"""A count beside the truth: precision, recall and F1 a line, errors of dwell a zone."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from edge.vision.counting import Crossing
from edge.vision.recording import Count


class TruthError(Exception):
    """The truth file cannot be used; the text says what to do."""


class TrueCrossing(msgspec.Struct, frozen=True):
    """Somebody's box's centre was first on the other side in this picture."""

    frame: int
    direction: str


class TrueLine(msgspec.Struct, frozen=True):
    """What happened at a line."""

    crossings: tuple[TrueCrossing, ...]


class TrueZone(msgspec.Struct, frozen=True):
    """How long each visitor of a zone stayed, in the order in which they came."""

    dwell_s: tuple[float, ...]


class Truth(msgspec.Struct, frozen=True):
    """A truth file: what was found by hand in a recording."""

    fps: float
    lines: dict[str, TrueLine] = {}
    zones: dict[str, TrueZone] = {}
    tolerance_s: float = 2.0


def read(path: Path) -> Truth:
    """The truth in a JSON file.

    Raises:
        TruthError: it cannot be read, or a key is missing or wrong.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except OSError as error:
        raise TruthError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise TruthError(f"{path}: no truth file: {error}; it needs `fps`, `lines` and `zones` (docs/vision.md)") from error


def compare(counted: Count, truth: Truth) -> dict[str, Any]:
    """The accuracy of a count, for the lines and zones that both name; `minutes` is the error of the running total a minute."""
    lines = {name: _line(counted, name, truth) for name in counted.lines if name in truth.lines}
    zones = {name: _zone(counted.dwells_s(name), list(truth.zones[name].dwell_s)) for name in counted.zones if name in truth.zones}
    return {"lines": lines, "zones": zones, "tolerance_s": truth.tolerance_s}


def _line(counted: Count, name: str, truth: Truth) -> dict[str, Any]:
    found = [crossing for crossing in counted.crossings if crossing.line == name]
    true = truth.lines[name].crossings
    hits = _pairs(found, true, truth.tolerance_s * truth.fps)
    precision, recall = hits / len(found) if found else float(not true), hits / len(true) if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    directions = {d: {"counted": counted.passed(name, d), "true": sum(one.direction == d for one in true)} for d in ("in", "out")}
    figures = {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}
    return figures | directions | {"minutes": _minutes(found, true, truth.fps)}


def _pairs(found: list[Crossing], true: tuple[TrueCrossing, ...], within: float) -> int:
    """How many true crossings have a counted one of their own, of the same direction and near in time."""
    left = sorted(found, key=lambda crossing: crossing.frame)
    hits = 0
    for one in sorted(true, key=lambda crossing: crossing.frame):
        near = [other for other in left if other.direction == one.direction and abs(other.frame - one.frame) <= within]
        if near:
            left.remove(min(near, key=lambda other: abs(other.frame - one.frame)))
            hits += 1
    return hits


def _minutes(found: list[Crossing], true: tuple[TrueCrossing, ...], fps: float) -> list[int]:
    frames = [crossing.frame for crossing in found], [crossing.frame for crossing in true]
    last = max((frame for both in frames for frame in both), default=0)
    return [
        sum(frame < end for frame in frames[0]) - sum(frame < end for frame in frames[1])
        for end in (fps * 60 * minute for minute in range(1, int(last / (fps * 60)) + 2))
    ]


def _zone(found: list[float], true: list[float]) -> dict[str, Any]:
    errors = [None if one is None or other is None else round(one - other, 2) for one, other in zip_longest(found, true)]
    known = [abs(error) for error in errors if error is not None]
    return {
        "visits": len(found),
        "true_visits": len(true),
        "error_s": errors,
        "mean_abs_error_s": round(sum(known) / len(known), 2) if known else None,
        "max_abs_error_s": max(known, default=None),
    }
