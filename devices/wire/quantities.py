"""The quantities of the branch: name, unit, what is plausible, and what people call them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from devices.driver import text
from devices.reading import Quality, Sample, Text, Value


class Quantity(msgspec.Struct, frozen=True):
    """One quantity: a number within `low` to `high`, a flag (`low` is None), or a word out of `words` (any, where empty)."""

    key: str
    name: Text
    unit: str = ""
    low: float | None = None
    high: float = math.inf
    whole: bool = False  # counted in whole numbers
    words: tuple[str, ...] | None = None  # None: not a word

    @property
    def expected(self) -> str:
        """What a value of it must look like, e.g. `a number from -40 to 85 degC`."""
        if self.words is not None:
            return f"one of {', '.join(self.words)}" if self.words else "a text"
        if self.low is None:
            return "true or false"
        return f"a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:g} {self.unit}".rstrip()


MODES: Final = ("off", "cool", "heat", "fan", "dry", "auto")

_TABLE: Final = (
    Quantity("temperature_c", text("air temperature", "气温"), "degC", -40, 85),
    Quantity("relative_humidity_pct", text("relative humidity", "相对湿度"), "%", 0, 100),
    Quantity("co2_ppm", text("carbon dioxide", "二氧化碳"), "ppm", 250, 10_000),
    Quantity("pm25_ug_m3", text("fine dust PM2.5", "细颗粒物"), "ug/m3", 0, 1_000),
    Quantity("illuminance_lx", text("illuminance", "照度"), "lx", 0, 200_000),
    Quantity("people", text("people", "人数"), "", 0, 5_000, whole=True),
    Quantity("waiting", text("people waiting", "等候人数"), "", 0, 5_000, whole=True),
    Quantity("longest_wait_s", text("longest wait", "最长等候"), "s", 0, 86_400),
    Quantity("presence", text("presence", "有人")),
    Quantity("power_w", text("power", "功率"), "W", -1_000_000, 1_000_000),
    Quantity("voltage_v", text("voltage", "电压"), "V", 0, 1_000),
    Quantity("current_a", text("current", "电流"), "A", -5_000, 5_000),
    Quantity("frequency_hz", text("mains frequency", "频率"), "Hz", 40, 70),
    Quantity("energy_kwh", text("energy", "电量"), "kWh", 0, 1e9),
    Quantity("door_open", text("door open", "门开")),
    Quantity("battery_v", text("battery voltage", "电池电压"), "V", 0, 60),
    Quantity("battery_pct", text("battery", "电池"), "%", 0, 100),
    Quantity("fault_code", text("fault code", "故障代码"), "", 0, 65_535, whole=True),
    Quantity("in_total", text("people in, in total", "累计进入"), "", 0, 2**32, whole=True),
    Quantity("out_total", text("people out, in total", "累计离开"), "", 0, 2**32, whole=True),
    Quantity("solar_w_m2", text("sunlight", "太阳辐照"), "W/m2", 0, 1_800),
    Quantity("mode", text("mode", "模式"), words=MODES),
    Quantity("setpoint_c", text("setpoint", "设定温度"), "degC", 5, 35),
    Quantity("fan_pct", text("fan", "风量"), "%", 0, 100),
    Quantity("fresh_air_pct", text("fresh air", "新风"), "%", 0, 100),
    Quantity("light_pct", text("light", "照明"), "%", 0, 100),
    Quantity("blind_pct", text("blinds", "遮阳帘"), "%", 0, 100),
    Quantity("volume_pct", text("volume", "音量"), "%", 0, 100),
    Quantity("playlist", text("playlist", "播放列表"), words=()),
    Quantity("relay", text("relay", "继电器")),
    Quantity("paper_pct", text("paper left", "余纸"), "%", 0, 100),
    Quantity("cash_pct", text("cash left", "余钞"), "%", 0, 100),
    Quantity("uses_total", text("uses, in total", "累计使用次数"), "", 0, 2**53, whole=True),
    Quantity("uptime_s", text("running since", "运行时长"), "s", 0, 1e10),
    Quantity("firmware", text("firmware", "固件"), words=()),
)
QUANTITIES: Final[Mapping[str, Quantity]] = {quantity.key: quantity for quantity in _TABLE}
COMMANDED: Final = ("mode", "setpoint_c", "fan_pct", "fresh_air_pct", "light_pct", "blind_pct", "volume_pct", "playlist", "relay")
_LONGEST_WORD: Final = 200  # characters: a name or a version is shorter, a page of garbage is not


def plausible(key: str, value: object) -> Value:
    """`value` as the quantity `key` holds it, or None where it is none: not a number, not finite, out of range, an unknown word."""
    quantity = QUANTITIES[key]
    if quantity.words is not None:
        sound = isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD and (not quantity.words or value in quantity.words)
        return value if sound and isinstance(value, str) else None
    if quantity.low is None:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not quantity.low <= value <= quantity.high:
        return None  # a NaN compares false and ends here too
    if not quantity.whole:
        return value
    return int(value) if value == int(value) else None


def reading(key: str, value: object, where: str, part: str = "", *, wraps_at: int | None = None) -> Sample:
    """A sample of `key`: measured where `value` is plausible, else missing with a reason that names `where` and what was expected."""
    sound = plausible(key, value)
    if sound is not None:
        return Sample(key, sound, part, wraps_at=wraps_at)
    return missing(key, text(*_implausible(key, value, where)), part)


def missing(key: str, reason: Text, part: str = "") -> Sample:
    """A sample that says that `key` is not known just now, and why."""
    return Sample(key, None, part, quality=Quality.MISSING, reason=reason)


def _implausible(key: str, value: object, where: str) -> tuple[str, str]:
    said, expected, name = shortened(value), QUANTITIES[key].expected, QUANTITIES[key].name["zh-CN"]
    return (
        f"{where} says {said} where {key} needs {expected}; check the device and how it is set up",
        f"{where} 给出 {said}，而“{name}”（{key}）应为 {expected}；请检查设备及其配置",
    )


def shortened(value: object) -> str:
    """`value` as it may stand in a sentence: never more than 60 characters of it."""
    said = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a very long number"
    return said if len(said) <= 60 else said[:57] + "..."


def near(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: `did you mean 'x' or 'y'?`, or all that could be said."""
    names = sorted(known)
    found = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(repr(match) for match in found)}?" if found else f"known are: {', '.join(names)}"


def known(name: str) -> str:
    """`name`, where it is a quantity of the table.

    Raises:
        ValueError: it is none; the text names near ones.
    """
    if name not in QUANTITIES:
        raise ValueError(f"{name!r} is not a quantity; {near(name, QUANTITIES)}")
    return name
