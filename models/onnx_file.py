"""ONNX files: what goes in and comes out, and the same network with its picture's size left free."""

from __future__ import annotations

from typing import Final

import msgspec

from models.protobuf import WireError, read, write

# Field numbers of onnx.proto3: ModelProto, GraphProto, ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto, Dimension.
_GRAPH: Final = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13
_NAME, _TYPE, _TENSOR, _SHAPE, _DIMENSION = 1, 2, 1, 2, 1
_FIXED, _FREE = 1, 2
_INITIALIZER_NAME: Final = 8


class Port(msgspec.Struct, frozen=True):
    """An input or output: its name and shape, None where a dimension is free."""

    name: str
    shape: tuple[int | None, ...]


class Ports(msgspec.Struct, frozen=True):
    """What goes into a network and what comes out of it."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def _first(message: bytes, number: int) -> bytes:
    return next((value for found, value in read(message) if found == number and isinstance(value, bytes)), b"")


def _dimension(message: bytes) -> int | None:
    return next((value for number, value in read(message) if number == _FIXED and isinstance(value, int)), None)


def _port(info: bytes) -> Port:
    shape = _first(_first(_first(info, _TYPE), _TENSOR), _SHAPE)
    dimensions = (value for number, value in read(shape) if number == _DIMENSION and isinstance(value, bytes))
    return Port(_first(info, _NAME).decode("utf-8", "replace"), tuple(_dimension(value) for value in dimensions))


def ports(model: bytes) -> Ports:
    """The inputs (weights left out) and outputs of an ONNX model.

    Raises:
        WireError: the bytes are no ONNX model.
    """
    graph = _first(model, _GRAPH)
    fields = [(number, value) for number, value in read(graph) if isinstance(value, bytes)]
    if not any(number == _NODE for number, _ in fields):
        raise WireError("there is no network in it")
    weights = {_first(value, _INITIALIZER_NAME).decode("utf-8", "replace") for number, value in fields if number == _INITIALIZER}
    inputs = tuple(port for number, value in fields if number == _INPUT and (port := _port(value)).name not in weights)
    return Ports(inputs, tuple(_port(value) for number, value in fields if number == _OUTPUT))


def port(name: str, shape: tuple[int | str, ...]) -> bytes:
    """An input or output of float32; a dimension with a name is free."""
    dimensions = [(_DIMENSION, write((_FREE if isinstance(size, str) else _FIXED, size))) for size in shape]
    return write((_NAME, name), (_TYPE, write((_TENSOR, write((1, 1), (_SHAPE, write(*dimensions)))))))


def with_free_size(model: bytes) -> bytes:
    """The same network for pictures of any size (NCHW); the shapes in between are forgotten, since they follow.

    Raises:
        WireError: the bytes are no ONNX model.
    """
    described = ports(model)
    outside = {entry.name for entry in described.inputs}
    graph: list[tuple[int, int | bytes]] = []
    for number, value in read(_first(model, _GRAPH)):
        if number == _VALUE_INFO:
            continue
        if isinstance(value, bytes) and number in {_INPUT, _OUTPUT}:
            entry = _port(value)
            if number == _OUTPUT:
                graph.append((number, port(entry.name, tuple(f"{entry.name}_{axis}" for axis in range(len(entry.shape))))))
                continue
            if entry.name in outside and len(entry.shape) == 4:
                graph.append((number, port(entry.name, (1, entry.shape[1] or 3, "height", "width"))))
                continue
        graph.append((number, value))
    return write(*((number, write(*graph) if number == _GRAPH else value) for number, value in read(model)))
