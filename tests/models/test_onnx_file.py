"""The wire format and ONNX files: what is written is read back, and no bytes break the reader."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.onnx_file import Port, ports, with_free_size
from models.protobuf import WireError, read, write

FIELDS = st.lists(st.tuples(st.integers(1, 1000), st.integers(0, (1 << 64) - 1) | st.binary(max_size=40)), max_size=8)


@given(FIELDS)
def test_reads_what_it_wrote(fields: list[tuple[int, int | bytes]]) -> None:
    assert list(read(write(*fields))) == fields


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        fields = list(read(data))
    except WireError:
        return
    assert sum(len(value) for _, value in fields if isinstance(value, bytes)) <= len(data)


def test_a_negative_number_is_its_twos_complement() -> None:
    assert write((1, -1)) == b"\x08" + b"\xff" * 9 + b"\x01"


def test_says_what_goes_in_and_out(tiny: Callable[..., bytes]) -> None:
    described = ports(tiny())
    assert described.inputs == (Port("images", (1, 3, 416, 416)),)
    assert described.outputs == (Port("output", (1, 3549, 85)),)


def test_free_size_leaves_a_network_that_onnx_accepts(tiny: Callable[..., bytes]) -> None:
    free = with_free_size(tiny())
    onnx.checker.check_model(onnx.load_from_string(free))
    assert ports(free).inputs == (Port("images", (1, 3, None, None)),)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 a JPEG", b"not a network at all"])
def test_what_is_no_network(data: bytes) -> None:
    with pytest.raises(WireError):
        ports(data)
