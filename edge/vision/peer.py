"""The peer of `bench vision`: what a user would write with supervision and its ByteTrack, around the same detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.camera import CameraSettings
from models.catalog import PeopleDetector

# supervision comes with the extra `bench` only, so it is imported where it is used.


def count(settings: CameraSettings, detector: PeopleDetector) -> dict[str, list[int]]:
    """People in and out over each line of a recording."""
    import supervision as sv  # noqa: PLC0415 (see above)

    tracker = sv.ByteTrack(frame_rate=round(sv.VideoInfo.from_video_path(settings.url).fps))
    zones: dict[str, Any] = {}
    for picture in sv.get_video_frames_generator(settings.url):
        rows, columns = picture.shape[:2]
        if not zones:
            zones = {name: _line(line.points, rows, columns) for name, line in settings.lines.items()}
        tracked = tracker.update_with_detections(_detections(detector.detect(picture)))
        for zone in zones.values():
            zone.trigger(tracked)
    return {name: [zone.in_count, zone.out_count] for name, zone in zones.items()}


def tracking() -> Callable[[NDArray[np.float32], float], Any]:
    """One step of its tracker alone."""
    import supervision as sv  # noqa: PLC0415 (see above)

    tracker = sv.ByteTrack(frame_rate=10)
    return lambda boxes, _: tracker.update_with_detections(_detections(boxes * np.array([1000] * 4 + [1, 1], np.float32)))


def _detections(boxes: NDArray[np.float32]) -> Any:
    import supervision as sv  # noqa: PLC0415 (see above)

    return sv.Detections(xyxy=boxes[:, :4], confidence=boxes[:, 4], class_id=boxes[:, 5].astype(int))


def _line(points: list[tuple[float, float]], rows: int, columns: int) -> Any:
    """Its line; `in` means the same there."""
    import supervision as sv  # noqa: PLC0415 (see above)

    first, second = (sv.Point(x * columns, y * rows) for x, y in points)
    return sv.LineZone(start=first, end=second, triggering_anchors=[sv.Position.CENTER])
