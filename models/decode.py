"""What a network's numbers mean as boxes: one pure function an output layout."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""n x 6: x1, y1, x2, y2 in pixels, score 0 to 1, class."""

_STRIDES: Final = (8, 16, 32)
_SSD_GRIDS: Final = (19, 10, 5, 3, 2, 1)
_SSD_SCALES: Final = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_SSD_FIRST: Final = ((0.1, 1.0), (0.2, 2.0), (0.2, 0.5))  # (scale, aspect) on the finest grid
_SSD_ASPECTS: Final = (1.0, 2.0, 0.5, 3.0, 0.3333)
_SSD_VARIANCES: Final = (10.0, 10.0, 5.0, 5.0)

NOTHING: Final[Boxes] = np.empty((0, 6), np.float32)


@lru_cache(maxsize=16)
def _cells(rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each cell's corner (n x 2, in cells) and stride (n x 1), grids of stride 8, 16 and 32 in that order, row-major."""
    corners, strides = [], []
    for stride in _STRIDES:
        ys, xs = np.mgrid[0 : rows // stride, 0 : columns // stride]
        corners.append(np.stack((xs.ravel(), ys.ravel()), axis=1))
        strides.append(np.full((xs.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def grid(output: NDArray[np.float32], rows: int, columns: int, kind: int, threshold: float) -> Boxes:
    """Boxes of class `kind` from an anchor-free grid (YOLOX, https://arxiv.org/abs/2107.08430), overlaps not yet removed.

    `output` is 1 x n x (5 + classes) for an input of `rows` x `columns`: x and y are (out + cell) * stride, width and
    height exp(out) * stride, the score objectness * class, both already through the sigmoid.
    """
    found = output[0]
    scores = found[:, 4] * found[:, 5 + kind]
    kept = np.flatnonzero(scores >= threshold)
    corners, strides = _cells(rows, columns)
    centres = (found[kept, :2] + corners[kept]) * strides[kept]
    sizes = np.exp(np.minimum(found[kept, 2:4], 12.0)) * strides[kept]
    return _boxes(centres, sizes, scores[kept], kind)


@lru_cache(maxsize=1)
def _anchors() -> NDArray[np.float32]:
    """The 1917 anchors (centre x, centre y, width, height as parts of the picture), grid by grid, row-major."""
    anchors = []
    for step, cells in enumerate(_SSD_GRIDS):
        shapes = _SSD_FIRST if step == 0 else tuple((_SSD_SCALES[step], aspect) for aspect in _SSD_ASPECTS)
        if step:
            shapes = (*shapes, (float(np.sqrt(_SSD_SCALES[step] * _SSD_SCALES[step + 1])), 1.0))
        for row in range(cells):
            for column in range(cells):
                centre = ((column + 0.5) / cells, (row + 0.5) / cells)
                anchors += [(*centre, scale * aspect**0.5, scale / aspect**0.5) for scale, aspect in shapes]
    return np.array(anchors, np.float32)


def ssd(offsets: NDArray[np.float32], logits: NDArray[np.float32], side: int, kind: int, threshold: float) -> Boxes:
    """Boxes of class `kind` from an SSD (https://arxiv.org/abs/1512.02325) on a square of `side` pixels, overlaps not yet removed.

    `offsets` is 1 x 1917 x 4 (y, x, height, width against the anchor, times 10, 10, 5, 5), `logits` 1 x 1917 x classes.
    """
    scores = np.asarray(1 / (1 + np.exp(-np.clip(logits[0, :, kind], -60, 60))), np.float32)
    kept = np.flatnonzero(scores >= threshold)
    anchors = _anchors()[kept]
    y, x, height, width = (offsets[0, kept] / np.array(_SSD_VARIANCES, np.float32)).T
    centres = np.stack((x, y), axis=1) * anchors[:, 2:] + anchors[:, :2]
    sizes = np.exp(np.minimum(np.stack((width, height), axis=1), 4.0)) * anchors[:, 2:]
    return _boxes(centres * side, sizes * side, scores[kept], kind)


def _boxes(centres: NDArray[np.float32], sizes: NDArray[np.float32], scores: NDArray[np.float32], kind: int) -> Boxes:
    kinds = np.full((len(scores), 1), kind, np.float32)
    return np.concatenate((centres - sizes / 2, centres + sizes / 2, scores[:, None], kinds), axis=1).astype(np.float32)


def overlaps(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each of n boxes with each of m (x1 y1 x2 y2 first): n x m."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:4], other[None, :, 2:4])
    inside = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(boxes[:, 2:4] - boxes[:, :2], 0), axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - inside
    return np.asarray(inside / np.maximum(union, 1e-6), np.float32)


def without_doubles(boxes: Boxes, most: float = 0.5) -> Boxes:
    """The best of boxes that overlap by more than `most` (greedy, best score first)."""
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    covered = overlaps(boxes, boxes) > most
    gone = np.zeros(len(boxes), bool)
    for best in range(len(boxes)):
        if not gone[best]:
            gone[best + 1 :] |= covered[best, best + 1 :]
    return boxes[~gone]
