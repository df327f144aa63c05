"""Whether an MQTT device is there: its availability topic or last will, and how long it may well say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from devices.driver import text
from devices.reading import Text
from devices.wire.description import Availability, Preset
from devices.wire.listening import not_understood
from devices.wire.presets import PRESETS, preset_of
from devices.wire.troubles import Troubles

STALE_AFTER_S: Final = 120.0


def availability_of(prefix: str, preset: Preset | None, topic: str | None) -> Availability | None:
    """Where the device says whether it is there, its topic filled in; None where it does not."""
    if topic is not None:
        return Availability(topic, pointer="/state")
    if preset is None or preset.availability is None:
        return None
    return msgspec.structs.replace(preset.availability, topic=preset.availability.topic.format(prefix))


def heed(availability: Availability, document: Any, topic: str, troubles: Troubles) -> Text | None:
    """Tell that the device is there, or away, as it (or its last will) says; the reason where it is away."""
    there = availability.said(document)
    if there is None:
        expected = f"{availability.online[0]} or {availability.offline[0]}"
        troubles.began("availability", "faulty", not_understood(topic, "another word", expected, expected.replace(" or ", " 或 ")))
    elif there:
        troubles.ended("away", "availability")
    else:
        away = text(
            f"{topic} says that the device is away: check its power, its battery and its radio or network",
            f"{topic} 表示设备已离线：请检查其电源、电池以及无线或网络",
        )
        troubles.began("away", "offline", away)
        troubles.ended("availability")
        return away
    return None


def silence_s(stale_after_s: float | None) -> float:
    """Seconds of silence after which a device is doubted; 0 where it never is."""
    return STALE_AFTER_S if stale_after_s is None else stale_after_s


def with_usual_silence(written: Any) -> Any:
    """Settings as written, with the preset's `stale_after_s` where none is."""
    if not isinstance(written, Mapping) or written.get("stale_after_s") is not None:
        return written
    link, named = written.get("link"), written.get("preset")
    prefix = link.get("mqtt") if isinstance(link, Mapping) else getattr(link, "mqtt", None)
    preset = preset_of(prefix if isinstance(prefix, str) else "", named if named in PRESETS else None)
    return written if preset is None or preset.stale_after_s is None else {**written, "stale_after_s": preset.stale_after_s}
