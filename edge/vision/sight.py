"""What a picture shows before anyone looks for people: whether it changed, and whether the camera can see at all."""

from __future__ import annotations

from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Blindness = Literal["dark", "covered", "frozen"]
Verdict = Literal["look", "same", "rest"]
"""The network should look; nothing moved since it did; something moved, and the next picture is soon enough."""

_WIDTH: Final = 96  # cells of the small picture that is judged, at least
_CHANGED_BY: Final = 8  # grey levels of a cell that has changed; the mean over a cell keeps a sensor's noise below it
_CHANGED_CELLS: Final = 3
_LOOK_AGAIN_S: Final = 1.0  # however still it is: someone may come in more slowly than we can tell
_DARK: Final = 16  # mean grey level below which nobody is found
_FLAT: Final = 6.0  # standard deviation of the grey levels below which there is nothing in the picture
_BLIND_AFTER_S: Final = 3.0
_FROZEN_AFTER_S: Final = 20.0  # not one grey level moved: no sensor is so quiet


def small(pixels: NDArray[np.uint8]) -> Grey:
    """The picture in grey, about a hundred cells wide, each the mean of its pixels."""
    rows, columns = pixels.shape[:2]
    side = max(1, min(columns // _WIDTH, rows))  # a whole number of pixels: that is five times as fast
    size = columns // side, rows // side
    cells = cv2.resize(pixels[: size[1] * side, : size[0] * side], size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(cells, cv2.COLOR_BGR2GRAY), np.uint8)


class Gate:
    """Whether the network should look at a picture, or what it saw last is still so.

    `rest_s`: after a look it rests so long whatever moves; a tracker needs no more pictures than that a second.
    """

    def __init__(self, rest_s: float = 0.0) -> None:
        self._rest_s = rest_s
        self._seen: Grey | None = None
        self._at = 0.0

    def judge(self, picture: Grey, t: float) -> Verdict:
        """Judge the small picture of second `t`; on `look` it is the one that the network saw last."""
        seen, since = self._seen, t - self._at
        if seen is not None and seen.shape == picture.shape and 0 <= since < _LOOK_AGAIN_S:
            if not _changed(seen, picture):
                return "same"
            if since < self._rest_s:
                return "rest"
        self._seen, self._at = picture, t
        return "look"


def _changed(before: Grey, now: Grey) -> bool:
    return int(np.count_nonzero(cv2.absdiff(before, now) > _CHANGED_BY)) >= _CHANGED_CELLS


class Sight:
    """Whether the camera can see, judged over some seconds."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._moved_at: float | None = None
        self._blind_since: tuple[Blindness, float] | None = None

    def judge(self, picture: Grey, t: float) -> Blindness | None:
        """What keeps the camera from seeing at second `t`, None where it sees."""
        if self._moved_at is None or self._before is None or not np.array_equal(self._before, picture):
            self._moved_at = t
        self._before = picture
        if t - self._moved_at >= _FROZEN_AFTER_S:
            return "frozen"
        now = _blank(picture)
        if now is None:
            self._blind_since = None
        elif self._blind_since is None or self._blind_since[0] != now:
            self._blind_since = now, t
        return now if self._blind_since and t - self._blind_since[1] >= _BLIND_AFTER_S else None


def _blank(picture: NDArray[Any]) -> Blindness | None:
    mean, spread = float(picture.mean()), float(picture.std())
    if mean < _DARK and spread < _FLAT * 2:
        return "dark"
    return "covered" if spread < _FLAT else None
