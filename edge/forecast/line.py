"""The line: many possible courses of the morning at once, from who waits and which counters are open."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PATHS: Final = 64
_POSITIONS: Final = 512


def _table() -> Floats:
    """Probabilities, PATHS x _POSITIONS: every column holds each stratum once, in its own order; always the same."""
    strata = (np.arange(PATHS) + 0.5) / PATHS
    random = np.random.default_rng(20261124)
    return np.stack([random.permutation(strata) for _ in range(_POSITIONS)], axis=1)


_UNIFORM: Final = _table()


def uniform(position: int) -> Floats:
    """The probabilities of a place in the line, one a path; the same place has always the same."""
    return np.asarray(_UNIFORM[:, position % _POSITIONS])


def starts(rank: Floats, free_s: Floats, turn_s: Floats, *, only_last: bool = False) -> Floats:
    """When each of those waiting is called, in seconds from now, paths x tickets; infinity for who never is.

    With `only_last` it ends once the last ticket is called on every path; later calls are left at infinity.

    `rank` (counters x tickets): what a counter takes first is smallest, infinity what it does not serve. `free_s`
    (paths x counters): when a counter is free; infinity for never. `turn_s` (paths x tickets): how long each takes.
    """
    free_s, paths = free_s.copy(), np.arange(free_s.shape[0])
    tickets = rank.shape[1]
    called_s = np.full((len(paths), tickets), np.inf)
    left = np.zeros((len(paths), tickets))  # infinity once called
    for _ in range(tickets + rank.shape[0]):
        counter = np.argmin(free_s, axis=1)
        at_s = free_s[paths, counter]
        order = rank[counter] + left
        ticket = np.argmin(order, axis=1)
        takes = np.isfinite(order[paths, ticket]) & np.isfinite(at_s)
        if not takes.any() and not np.isfinite(free_s).any():
            break
        if only_last and tickets and np.isfinite(called_s[:, -1]).all():
            break
        who = paths[takes]
        called_s[who, ticket[takes]] = at_s[takes]
        left[who, ticket[takes]] = np.inf
        free_s[paths, counter] = np.where(takes, at_s + turn_s[paths, ticket], np.inf)
    return called_s
