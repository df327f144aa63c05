"""Decoding: documented layouts give the documented boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decode import grid, overlaps, ssd, without_doubles


@pytest.mark.parametrize(
    ("row", "centre"),
    [(0, (4.0, 4.0)), (1, (12.0, 4.0)), (8, (4.0, 12.0)), (32, (8.0, 8.0)), (40, (16.0, 16.0))],
)
def test_grid_cells_come_by_stride_then_row(row: int, centre: tuple[float, float]) -> None:
    output = np.zeros((1, 32 + 8 + 2, 7), np.float32)  # 32 rows x 64 columns: 4x8, 2x4 and 1x2 cells
    output[0, row] = (0.5, 0.5, np.log(2), np.log(4), 0.9, 0.1, 0.8)
    (box,) = grid(output, 32, 64, kind=1, threshold=0.5)
    stride = 8 if row < 32 else 16 if row < 40 else 32
    x, y = centre
    assert box.tolist() == pytest.approx([x - stride, y - 2 * stride, x + stride, y + 2 * stride, 0.72, 1.0], abs=1e-4)


def test_ssd_anchor_without_offset_is_itself() -> None:
    offsets, logits = np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 2), -20, np.float32)
    logits[0, 0, 1] = logits[0, 1083, 1] = 5.0  # the first anchor of grids 0 and 1
    small, large = ssd(offsets, logits, 300, kind=1, threshold=0.5)
    assert small[:4].tolist() == pytest.approx([150 / 19 - 15, 150 / 19 - 15, 150 / 19 + 15, 150 / 19 + 15], abs=1e-3)
    assert large[:4].tolist() == pytest.approx([15 - 52.5, 15 - 52.5, 15 + 52.5, 15 + 52.5], abs=1e-3)
    assert small[4] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)


def test_huge_numbers_stay_finite() -> None:
    output = np.full((1, 42, 6), 1e30, np.float32)
    output[..., 4:] = 1.0
    assert np.isfinite(grid(output, 32, 64, kind=0, threshold=0.5)[:, 2:4]).all()


BOXES = st.lists(st.tuples(*[st.floats(0, 100, width=32)] * 4, st.floats(0.125, 1, width=32)), max_size=12)


@given(BOXES)
def test_what_is_left_overlaps_little_and_the_best_stays(found: list[tuple[float, ...]]) -> None:
    boxes = np.array([(min(x1, x2), min(y1, y2), max(x1, x2) + 1, max(y1, y2) + 1, s, 0) for x1, y1, x2, y2, s in found], np.float32)
    boxes = boxes.reshape(-1, 6)
    kept = without_doubles(boxes)
    rest = overlaps(kept, kept) - np.eye(len(kept), dtype=np.float32)
    assert (rest <= 0.5 + 1e-6).all()
    assert not len(boxes) or kept[0, 4] == boxes[:, 4].max()
