"""Trees: gradient-boosted quantile regression on histograms (Friedman 2001; Ke et al. 2017 for the histograms)."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BINS: Final = 32
_DEPTH: Final = 4
_RATE: Final = 0.1
_PART: Final = 0.5  # of the examples, drawn anew for each tree
_LEAF_MIN: Final = 50


class Trees(msgspec.Struct, frozen=True):
    """A forest of complete binary trees of depth `_DEPTH`; node i has the children 2i + 1 and 2i + 2."""

    feature: Ints  # trees x inner nodes
    threshold: Floats  # trees x inner nodes; a value above it goes right, infinity where a node is not split
    leaf: Floats  # trees x leaves, already times the learning rate
    base: float

    def __call__(self, x: Floats) -> float:
        """The quantile at one row of features."""
        trees = np.arange(len(self.leaf))
        node = np.zeros(len(trees), dtype=np.int64)
        for _ in range(_DEPTH):
            node = 2 * node + 1 + (x[self.feature[trees, node]] > self.threshold[trees, node])
        return self.base + float(self.leaf[trees, node - (2**_DEPTH - 1)].sum())


def grow(x: Floats, y: Floats, weight: Floats, quantile: float, trees: int) -> Trees:
    """Trees for the `quantile` of `y` (n) given `x` (n x features), by the pinball loss; the same data give the same trees."""
    edges = np.quantile(x, np.linspace(0, 1, _BINS + 1)[1:-1], axis=0)  # bins - 1 x features
    binned = np.stack([np.searchsorted(edges[:, f], x[:, f], side="left") for f in range(x.shape[1])], axis=1)
    random = np.random.default_rng(7)
    base = weighted_quantile(y, weight, quantile)
    predicted = np.full(len(y), base)
    grown = [_tree(binned, edges, y, weight, predicted, quantile, random) for _ in range(trees)]
    features, thresholds, leaves = (np.stack(part) for part in zip(*grown, strict=True))
    return Trees(features, thresholds, leaves, base)


def _tree(
    binned: Ints, edges: Floats, y: Floats, weight: Floats, predicted: Floats, quantile: float, random: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """One tree on a part of the examples; moves `predicted` on by it."""
    part = np.flatnonzero(random.random(len(y)) < _PART)
    gradient = np.where(y > predicted, quantile, quantile - 1.0) * weight
    inner = 2**_DEPTH - 1
    feature, threshold, cut = np.zeros(inner, dtype=np.int64), np.full(inner, np.inf), np.full(inner, _BINS)
    node = np.zeros(len(y), dtype=np.int64)
    for depth in range(_DEPTH):
        first, width = 2**depth - 1, 2**depth
        best = _splits(binned[part], gradient[part], weight[part], node[part] - first, width)
        for offset, (f, bin_) in enumerate(best):
            if bin_ < _BINS - 1:
                feature[first + offset], cut[first + offset], threshold[first + offset] = f, bin_, edges[bin_, f]
        node = 2 * node + 1 + (binned[np.arange(len(y)), feature[node]] > cut[node])
    leaf = _leaves(y - predicted, weight, node - inner, part, quantile)
    predicted += leaf[node - inner]
    return feature, threshold, leaf


def _splits(binned: Ints, gradient: Floats, weight: Floats, node: Ints, width: int) -> list[tuple[int, int]]:
    """The best feature and bin of each node; a bin of `_BINS` where no split is worth it."""
    gain = np.zeros((width, binned.shape[1], _BINS - 1))
    for f in range(binned.shape[1]):
        at = node * _BINS + binned[:, f]
        g, w, n = (
            np.bincount(at, weights=v, minlength=width * _BINS).reshape(width, _BINS).cumsum(axis=1) for v in (gradient, weight, None)
        )
        left_g, left_w, left_n = g[:, :-1], w[:, :-1], n[:, :-1]
        right_g, right_w, right_n = g[:, -1:] - left_g, w[:, -1:] - left_w, n[:, -1:] - left_n
        allowed = (left_n >= _LEAF_MIN) & (right_n >= _LEAF_MIN)
        score = left_g**2 / np.maximum(left_w, 1e-9) + right_g**2 / np.maximum(right_w, 1e-9) - g[:, -1:] ** 2 / np.maximum(w[:, -1:], 1e-9)
        gain[:, f] = np.where(allowed, score, 0.0)
    flat = gain.reshape(width, -1)
    best = flat.argmax(axis=1)
    return [(int(b) // (_BINS - 1), int(b) % (_BINS - 1)) if flat[i, b] > 0 else (0, _BINS) for i, b in enumerate(best)]


def _leaves(residual: Floats, weight: Floats, leaf: Ints, part: Ints, quantile: float) -> Floats:
    values = np.zeros(2**_DEPTH)
    for i in np.unique(leaf[part]):
        inside = part[leaf[part] == i]
        values[i] = _RATE * weighted_quantile(residual[inside], weight[inside], quantile)
    return values


def weighted_quantile(values: Floats, weight: Floats, quantile: float) -> float:
    """The smallest value at which the weights up to it pass `quantile` of all."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return float(values[order][min(len(values) - 1, int(np.searchsorted(reached, quantile * reached[-1])))])
