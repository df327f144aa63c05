"""A tiny network of the grid's layout, made here: it finds bright squares."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
LARGEST = 2  # boxes are twice a cell of the coarsest grid


def tiny(*, side: int | None = 416, outputs: int = 85, name: str = "images", weight: float = 1 / 255 / 3) -> bytes:
    """A grid network whose coarsest cells fire where the picture is bright; `side` None leaves the size free."""
    kernel = np.zeros((outputs, 3, 1, 1), np.float32)
    kernel[4] = weight  # objectness: the cell's mean brightness
    nodes, rows = [], []
    bias = np.zeros(outputs, np.float32)
    bias[:2], bias[2:4], bias[5] = 0.5, np.log(LARGEST), 1.0
    quiet = np.where(np.arange(outputs) == 4, -9, bias).astype(np.float32)  # the finer grids never fire
    for stride in STRIDES:
        nodes.append(helper.make_node("AveragePool", [name], [f"p{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2))
        nodes.append(helper.make_node("Conv", [f"p{stride}", "kernel", "bias" if stride == 32 else "quiet"], [f"c{stride}"]))
        nodes.append(helper.make_node("Reshape", [f"c{stride}", "flat"], [f"r{stride}"]))
        rows.append(f"r{stride}")
    nodes += [helper.make_node("Concat", rows, ["all"], axis=2), helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1])]
    weights = {"kernel": kernel, "bias": bias, "quiet": quiet, "flat": np.array((1, outputs, -1), np.int64)}
    cells = None if side is None else sum((side // stride) ** 2 for stride in STRIDES)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, side or "h", side or "w"])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, cells or "n", outputs])],
        [numpy_helper.from_array(values, key) for key, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(name="tiny")
def _tiny() -> Callable[..., bytes]:
    """`tiny()` gives the network's file."""
    return tiny


@pytest.fixture
def data() -> Path:
    """The folder of real material; the test is skipped without."""
    named = os.environ.get("SMARTBRANCH_TEST_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("SMARTBRANCH_TEST_DATA names no folder with real video and a real network")
    return Path(named)
