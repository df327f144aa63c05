"""The SSDLite network of a TensorFlow 1 frozen graph as ONNX, without TensorFlow; the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.manifest import ModelError
from models.onnx_file import port
from models.protobuf import WireError, read, write

# Field numbers of GraphDef, NodeDef, AttrValue, TensorProto and TensorShapeProto (tensorflow/core/framework/*.proto).
_NODE, _NAME, _OP, _INPUT, _ATTRIBUTE = 1, 1, 2, 3, 5
_KEY, _VALUE, _LIST, _TENSOR, _INTEGERS = 1, 2, 1, 8, 3
_SHAPE, _CONTENT, _FLOATS, _DIMENSION, _SIZE = 2, 4, 5, 2, 1
_FLOAT: Final = 1  # onnx.TensorProto.FLOAT

_FIRST: Final = "Preprocessor/sub"
_SIDE: Final = 300
_GRIDS: Final = 6
_EPSILON: Final = 0.001  # of every FusedBatchNorm in it
_ANCHORS: Final = 1917
_OUTPUTS: Final = (("offsets", "BoxEncodingPredictor", 4), ("logits", "ClassPredictor", 2))


class Node(msgspec.Struct, frozen=True):
    """A node of the graph: its operation, the names of its inputs, its attributes as they stand."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    attributes: dict[str, bytes]


class Builder:
    """The ONNX graph as it grows; each output's name goes with its side in pixels."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.known = nodes
        self.nodes: list[bytes] = []
        self.weights: list[bytes] = []
        self._done = {_FIRST: ("images", _SIDE)}

    def node(self, operation: str, inputs: tuple[str, ...], output: str, **attributes: int | tuple[int, ...]) -> None:
        """Add one operation."""
        told = [(5, _attribute(name, value)) for name, value in sorted(attributes.items())]
        self.nodes.append(write(*((1, name) for name in inputs), (2, output), (3, output), (4, operation), *told))

    def tensor(self, name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add a tensor that comes with the network; its name."""
        kind = 7 if values.dtype == np.int64 else _FLOAT
        little = values.astype(values.dtype.newbyteorder("<"))
        self.weights.append(write(*((1, size) for size in values.shape), (2, kind), (8, name), (9, little.tobytes())))
        return name

    def emit(self, name: str) -> tuple[str, int]:
        """Add the node called `name` and all it needs, each once."""
        name = name.partition(":")[0]
        if name not in self._done:
            self._done[name] = self._emit(self.known[name])
        return self._done[name]

    def _emit(self, node: Node) -> tuple[str, int]:
        if node.operation == "Identity":
            return self.emit(node.inputs[0])
        if node.operation == "BiasAdd":
            return self._convolution(node, np.float32(1), self._constant(node.inputs[1]))
        if node.operation == "FusedBatchNorm":
            gamma, beta, mean, variance = (self._constant(name) for name in node.inputs[1:5])
            factor = gamma / np.sqrt(variance + np.float32(_EPSILON))
            return self._convolution(node, factor, beta - mean * factor)
        inputs = [self.emit(name) for name in node.inputs]
        if node.operation == "Relu6":
            self.node("Clip", (inputs[0][0], "zero", "six"), node.name)
        elif node.operation == "Add":
            self.node("Add", (inputs[0][0], inputs[1][0]), node.name)
        else:
            raise ValueError(f"{node.name} is {node.operation}")
        return node.name, inputs[0][1]

    def _convolution(self, node: Node, factor: NDArray[np.float32] | np.float32, bias: NDArray[np.float32]) -> tuple[str, int]:
        """A convolution with the normalisation or bias that follows it folded into its weights; SAME, its padding written out."""
        convolution = self.known[node.inputs[0]]
        deep = convolution.operation == "DepthwiseConv2dNative"
        kernel = self._constant(convolution.inputs[1])  # rows, columns, in, out; of a depthwise one rows, columns, channels, 1
        kernel = kernel.transpose(2, 3, 0, 1) if deep else kernel.transpose(3, 2, 0, 1)
        kernel = np.ascontiguousarray(kernel * np.reshape(factor, (-1, 1, 1, 1)), np.float32)
        before, side = self.emit(convolution.inputs[0])
        stride = _integers(convolution.attributes["strides"])[1]
        out = -(-side // stride)
        spare = max(0, (out - 1) * stride + kernel.shape[2] - side)
        pads = (spare // 2, spare // 2, spare - spare // 2, spare - spare // 2)
        inputs = (before, self.tensor(f"{node.name}/kernel", kernel), self.tensor(f"{node.name}/bias", bias))
        self.node("Conv", inputs, node.name, group=len(kernel) if deep else 1, pads=pads, strides=(stride, stride))
        return node.name, out

    def _constant(self, name: str) -> NDArray[np.float32]:
        node = self.known[name]
        return self._constant(node.inputs[0]) if node.operation == "Identity" else _tensor(node.attributes["value"])

    def rows(self, head: str, size: int) -> str:
        """A head's output with one anchor a row: NCHW -> 1 x cells * anchors x size."""
        found, _ = self.emit(head)
        self.node("Transpose", (found,), f"{head}/nhwc", perm=(0, 2, 3, 1))
        self.node("Reshape", (f"{head}/nhwc", self.tensor(f"{head}/shape", np.array((1, -1, size), np.int64))), f"{head}/rows")
        return f"{head}/rows"


def _integers(attribute: bytes) -> list[int]:
    """A list of small integers: AttrValue.list.i, packed or not."""
    values = [value for number, value in read(_bytes(dict(read(attribute))[_LIST])) if number == _INTEGERS]
    return [one for value in values for one in (value if isinstance(value, bytes) else (value,))]


def _tensor(attribute: bytes) -> NDArray[np.float32]:
    fields = dict(read(_bytes(dict(read(attribute))[_TENSOR])))
    sizes = [dict(read(_bytes(entry))) for number, entry in read(_bytes(fields[_SHAPE])) if number == _DIMENSION]
    contents = _bytes(fields.get(_CONTENT) or fields[_FLOATS])
    return np.frombuffer(contents, "<f4").astype(np.float32).reshape([int(size[_SIZE]) for size in sizes])


def _attribute(name: str, value: int | tuple[int, ...]) -> bytes:
    if isinstance(value, tuple):
        return write((1, name), *((8, one) for one in value), (20, 7))
    return write((1, name), (3, value), (20, 2))


def convert(graph: bytes) -> bytes:
    """A frozen graph as an ONNX network: `images` 1x3x300x300 -> `offsets` 1x1917x4 and `logits` 1x1917x2.

    Raises:
        ModelError: another graph than the one this knows.
    """
    try:
        built = Builder({node.name: node for node in _nodes(graph)})
        built.tensor("zero", np.array(0, np.float32))
        built.tensor("six", np.array(6, np.float32))
        for output, kind, size in _OUTPUTS:
            rows = tuple(built.rows(f"BoxPredictor_{i}/{kind}/BiasAdd", size) for i in range(_GRIDS))
            built.node("Concat", rows, output, axis=1)
    except (KeyError, WireError, ValueError, IndexError) as error:
        raise ModelError(f"not the graph of ssdlite-pedestrian ({error}); nothing was installed") from error
    outputs = [(12, port(output, (1, _ANCHORS, size))) for output, _, size in _OUTPUTS]
    parts = [(1, node) for node in built.nodes] + [(2, b"ssdlite")] + [(5, weight) for weight in built.weights]
    network = write(*parts, (11, port("images", (1, 3, _SIDE, _SIDE))), *outputs)
    return write((1, 8), (2, "smartbranch"), (7, network), (8, write((2, 13))))  # IR 8, operator set 13


def _nodes(graph: bytes) -> Iterator[Node]:
    for number, value in read(graph):
        if number != _NODE or isinstance(value, int):
            continue
        fields = list(read(value))
        attributes = [dict(read(entry)) for found, entry in fields if found == _ATTRIBUTE and isinstance(entry, bytes)]
        named = {_text(entry[_KEY]): _bytes(entry[_VALUE]) for entry in attributes}
        inputs = tuple(_text(entry) for found, entry in fields if found == _INPUT)
        yield Node(_text(dict(fields)[_NAME]), _text(dict(fields)[_OP]), inputs, named)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise WireError("a number where a message should stand")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()
