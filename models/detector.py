"""A detector: one network session that looks at pictures of any size and says where people are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no type information
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors  # type: ignore[import-untyped]  # as above

from models.decode import Boxes, grid, ssd, without_doubles
from models.manifest import Manifest, ModelError
from models.onnx_file import Ports, ports, with_free_size
from models.protobuf import WireError

SCORE_AT_LEAST: Final = 0.1  # weaker boxes are noise; the tracker uses weak ones only to keep a track
_WIDE: Final = 1.3  # from this ratio of the sides on, two squares see more than one
_MOST_BOXES: Final = 300
_CUT_WITHIN: Final = 0.05  # of two tiles' overlap: a box that ends so near its tile's inner edge is cut by it
_SHARED_HEIGHT: Final = 0.6  # of the lower one: two boxes side by side that share so much are one person's halves
_REFUSED: Final = tuple(
    getattr(onnxruntime_errors, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
)  # onnxruntime's errors share no base but Exception

Picture = NDArray[np.uint8]


class Detector:
    """A network ready to run; not for two threads at once."""

    def __init__(self, manifest: Manifest, model: bytes, threads: int = 1) -> None:
        """Open the network and look once at a grey picture.

        Raises:
            ModelError: no ONNX file, another network than the manifest says, or weights that are not numbers.
        """
        self.manifest = manifest
        self.name = manifest.name
        check(manifest, describe(model, manifest.file), manifest.file)
        self._last: tuple[tuple[int, ...], NDArray[np.float32]] | None = None
        self._session = _session(with_free_size(model) if manifest.input.multiple else model, threads, manifest.file)
        if not all(np.isfinite(output).all() for output in self._run(np.full((96, 128, 3), 114, np.uint8))):
            raise ModelError(f"{manifest.file}: its weights are not numbers (NaN); fetch the file again")

    @property
    def longest_px(self) -> int:
        """The longer side of a picture beyond which this network sees no more."""
        return round(self.manifest.input.long_side * (1.78 if self.manifest.input.tiles else 1))

    def detect(self, pixels: Picture, threshold: float = SCORE_AT_LEAST) -> Boxes:
        """People in a picture (rows x columns x 3 uint8, BGR): n x 6 float32, x1 y1 x2 y2 in its pixels, score, class."""
        found = [self._look(tile, threshold) + np.array((x, 0, x, 0, 0, 0), np.float32) for tile, x in self._tiles(pixels)]
        boxes = found[0] if len(found) == 1 else joined(found[0], found[1], pixels.shape[1] - pixels.shape[0], pixels.shape[0])
        if len(boxes) > _MOST_BOXES:
            boxes = boxes[np.argpartition(-boxes[:, 4], _MOST_BOXES)[:_MOST_BOXES]]
        return without_doubles(boxes)

    def _tiles(self, pixels: Picture) -> Iterator[tuple[Picture, int]]:
        """The picture, or its left and its right square, each with where it begins."""
        rows, columns = pixels.shape[:2]
        if not self.manifest.input.tiles or columns < _WIDE * rows:
            yield pixels, 0
            return
        for x in (0, columns - rows):
            yield pixels[:, x : x + rows], x

    def _look(self, pixels: Picture, threshold: float) -> Boxes:
        scale, rows, columns = fitted(pixels.shape[0], pixels.shape[1], self.manifest.input.long_side, self.manifest.input.multiple)
        outputs = self._run(pixels)
        if self.manifest.decoder == "grid":
            boxes = grid(outputs[0], rows, columns, self.manifest.person, threshold)
        else:
            offsets, logits = sorted(outputs, key=lambda output: -output.shape[-1])
            boxes = ssd(offsets, logits, rows, self.manifest.person, threshold)
        boxes[:, :4] /= np.float32(scale)
        limits = np.array((pixels.shape[1], pixels.shape[0]) * 2, np.float32)
        boxes[:, :4] = np.clip(boxes[:, :4], 0, limits)
        return boxes

    def _run(self, pixels: Picture) -> list[NDArray[np.float32]]:
        layout = self.manifest.input
        scale, rows, columns = fitted(pixels.shape[0], pixels.shape[1], layout.long_side, layout.multiple)
        inside = (min(columns, round(pixels.shape[1] * scale)), min(rows, round(pixels.shape[0] * scale)))
        if inside != (pixels.shape[1], pixels.shape[0]):
            pixels = np.asarray(cv2.resize(pixels, inside, interpolation=cv2.INTER_LINEAR), np.uint8)
        fed = self._canvas(rows, columns, inside)
        for channel, plane in enumerate(cv2.split(pixels)):
            place = fed[0, channel if layout.order == "bgr" else 2 - channel, : inside[1], : inside[0]]
            np.multiply(plane, layout.scale, out=place, dtype=np.float32)
            if layout.shift:
                place += np.float32(layout.shift)
        return [np.asarray(output) for output in self._session.run(None, {layout.name: fed})]

    def _canvas(self, rows: int, columns: int, inside: tuple[int, int]) -> NDArray[np.float32]:
        """The input, grey where the picture (`inside`: columns and rows) does not reach; the last one is used again."""
        if self._last is None or self._last[0] != (rows, columns, *inside):
            grey = self.manifest.input.pad * self.manifest.input.scale + self.manifest.input.shift
            self._last = (rows, columns, *inside), np.full((1, 3, rows, columns), grey, np.float32)
        return self._last[1]


def fitted(rows: int, columns: int, long_side: int, multiple: int) -> tuple[float, int, int]:
    """How a picture goes into the network: its scale, and the input's rows and columns (multiples of `multiple`, 0: a square)."""
    scale = long_side / max(rows, columns)
    if not multiple:
        return scale, long_side, long_side
    return scale, _up(rows * scale, multiple), _up(columns * scale, multiple)


def _up(size: float, multiple: int) -> int:
    return max(1, -(-round(size) // multiple)) * multiple


def joined(left: Boxes, right: Boxes, begins: int, ends: int) -> Boxes:
    """Boxes of two tiles that overlap from column `begins` (of the right one) to `ends` (of the left one), nobody twice.

    A box that its tile's inner edge cuts is half a person: it goes where the other tile shows that person, and where both
    are cut they are one.
    """
    near = _CUT_WITHIN * (ends - begins)
    cut_left, cut_right = left[:, 2] >= ends - near, right[:, 0] <= begins + near
    low, high = np.maximum(left[:, None, 1], right[None, :, 1]), np.minimum(left[:, None, 3], right[None, :, 3])
    heights = np.minimum((left[:, 3] - left[:, 1])[:, None], (right[:, 3] - right[:, 1])[None])
    same = ((high - low) > _SHARED_HEIGHT * heights) & (right[None, :, 0] < left[:, None, 2])
    both = same & cut_left[:, None] & cut_right[None]
    ones = [_around(left[i], right[j]) for i, j in zip(*np.nonzero(both), strict=True)]
    gone_left = (both | (same & cut_left[:, None])).any(axis=1)
    gone_right = (both | (same & cut_right[None])).any(axis=0)
    return np.concatenate((left[~gone_left], right[~gone_right], *(one[None] for one in ones)))


def _around(one: Boxes, other: Boxes) -> Boxes:
    return np.concatenate((np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])))


def describe(model: bytes, file: str) -> Ports:
    """What goes into the network in `model` and comes out; raises ModelError where it is no ONNX file."""
    try:
        return ports(model)
    except WireError as error:
        raise ModelError(f"{file}: no ONNX network ({error}); give the .onnx file that its makers publish") from error


def check(manifest: Manifest, described: Ports, file: str) -> None:
    """Raise ModelError where a network has another input or other outputs than its manifest says."""
    if not fits(manifest, described):
        raise ModelError(
            f"{file}: not the network {manifest.name}: {shape_of(described)}; add the file that `smartbranch models list` names"
        )


def fits(manifest: Manifest, described: Ports) -> bool:
    """Whether a network has the input and outputs that a manifest says."""
    inputs, outputs = described.inputs, described.outputs
    if [entry.name for entry in inputs] != [manifest.input.name] or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in {3, None}:
        return False
    return len(outputs) == len(manifest.outputs) and all(
        _agree(output.shape, shape) for output, shape in zip(outputs, manifest.outputs, strict=True)
    )


def _agree(found: tuple[int | None, ...], said: tuple[int, ...]) -> bool:
    return len(found) == len(said) and all(b == -1 or a in {b, None} for a, b in zip(found, said, strict=True))


def shape_of(described: Ports) -> str:
    """A network's input and outputs in words."""
    inputs, outputs = (", ".join(f"{entry.name} {entry.shape}" for entry in entries) for entries in (described.inputs, described.outputs))
    return f"it takes {inputs or 'nothing'} and gives {outputs or 'nothing'}"


def _session(model: bytes, threads: int, file: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread takes no CPU from the rest of the box
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _REFUSED as error:
        raise ModelError(f"{file}: onnxruntime cannot open it: {str(error).splitlines()[0]}") from error


def open_file(manifest: Manifest, path: Path, threads: int = 1) -> Detector:
    """The detector in a file; raises ModelError as `Detector` does, and where the file cannot be read."""
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    return Detector(manifest, model, threads)
