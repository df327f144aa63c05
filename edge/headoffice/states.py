"""Branch states out of the rows of the database; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from edge.headoffice.database import BranchState, LaneState
from edge.headoffice.ledger import ranges


def branch_states(branches: Iterable[Sequence[Any]], lanes: Iterable[Sequence[Any]], figures: Iterable[Sequence[Any]]) -> list[BranchState]:
    """The rows of `statements.BRANCHES`, `LANES` and `TODAY` put together."""
    lanes_of: dict[str, list[LaneState]] = defaultdict(list)
    for branch, epoch, lane, up_to, ahead, disputed in lanes:
        lanes_of[branch].append(LaneState(epoch, lane, up_to, ranges(ahead), disputed))
    figures_of: dict[str, dict[str, int]] = defaultdict(dict)
    for branch, name, value in figures:
        figures_of[branch][name] = int(value)
    return [
        BranchState(id_, first_heard, last_heard, last_t, epoch, events, int(refused), tuple(lanes_of[id_]), figures_of[id_])
        for id_, first_heard, last_heard, last_t, epoch, events, refused in branches
    ]
