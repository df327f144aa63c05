"""Another TensorFlow graph than the known one is refused; the known one is tried by hand (docs/vision.md)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.manifest import ModelError
from models.protobuf import write
from models.ssd_from_tensorflow import convert


@given(st.binary(max_size=300))
def test_other_bytes_are_refused(graph: bytes) -> None:
    with pytest.raises(ModelError, match="nothing was installed"):
        convert(graph)


def test_a_head_of_another_kind_is_refused() -> None:
    node = write((1, "BoxPredictor_0/BoxEncodingPredictor/BiasAdd"), (2, "Softmax"))
    with pytest.raises(ModelError, match="is Softmax"):
        convert(write((1, node)))
