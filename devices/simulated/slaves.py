"""Modbus slaves of a simulated branch: what their registers say, and what writing them does (format G, and B)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from devices.simulated.building import Air, Plant

_MODES: Final = ("cool", "heat", "fan", "dry", "auto")
_VRF_STRIDE: Final = 32
_TEXT_AT, _TEXT_REGISTERS = 0x0070, 16
_SETPOINT_LEAST, _SETPOINT_MOST = 160, 320  # tenths of a degree that indoor units take


class Slave(Protocol):
    """One slave: 16-bit words by function and register."""

    def read(self, function: int, register: int) -> int | None:
        """The word, or None where there is no such register."""
        ...

    def write(self, register: int, words: Sequence[int]) -> bool:
        """Whether the words from `register` on were taken."""
        ...


class _ReadOnly:
    def write(self, register: int, words: Sequence[int]) -> bool:  # noqa: ARG002  # the protocol of all slaves
        return False


class XyMd02(_ReadOnly):
    """Air temperature and humidity: tenths, signed."""

    def __init__(self, air: Callable[[], Air]) -> None:
        self._air = air

    def read(self, function: int, register: int) -> int | None:
        """FC04: 1 temperature, 2 relative humidity."""
        tenths = {1: self._air().temperature_c, 2: self._air().relative_humidity_pct}
        return round(tenths[register] * 10) & 0xFFFF if function == 4 and register in tenths else None


class SenseairS8(_ReadOnly):
    """Carbon dioxide; `errors` is its meter status."""

    def __init__(self, air: Callable[[], Air]) -> None:
        self.errors = 0
        self._air = air

    def read(self, function: int, register: int) -> int | None:
        """FC04: 0 meter status, 3 ppm, 1 and 2 alarm and output status."""
        words = {0: self.errors, 1: 0, 2: 0, 3: min(10_000, round(self._air().co2_ppm))}
        return words.get(register) if function == 4 else None


class Sdm120(_ReadOnly):
    """Energy meter: float32, high word first; registers that the model lacks read as 0."""

    def __init__(self, power_w: Callable[[], float], energy_kwh: Callable[[], float]) -> None:
        self._power_w, self._energy_kwh = power_w, energy_kwh

    def read(self, function: int, register: int) -> int | None:
        """FC04: 0x0000 V, 0x0006 A, 0x000C W, 0x0046 Hz, 0x0156 kWh."""
        if function != 4 or register > 0x0160:
            return None
        watts = self._power_w()
        values = {0x0000: 230.0, 0x0006: watts / 230.0, 0x000C: watts, 0x0046: 50.0, 0x0156: self._energy_kwh()}
        high_low = struct.unpack(">HH", struct.pack(">f", values.get(register & ~1, 0.0)))
        return int(high_low[register & 1])


class GenericVrf:
    """Air-conditioning gateway of several indoor units, each a zone's plant.

    `obeyed(unit, quantity, value)` is told of every write that was taken; `fault_codes` may be set by unit.
    """

    def __init__(
        self, plants: Sequence[Plant], airs: Sequence[Callable[[], Air]], obeyed: Callable[[int, str, float | str | bool], None]
    ) -> None:
        self.fault_codes = [0] * len(plants)
        self._plants, self._airs, self._obeyed = plants, airs, obeyed

    def read(self, function: int, register: int) -> int | None:
        """FC03 (FC04 too): +0 on, +1 mode, +2 setpoint, +3 fan, +4 room, +5 fault code; the rest of a unit is 0."""
        unit, place = divmod(register, _VRF_STRIDE)
        if function not in {3, 4} or unit >= len(self._plants):
            return None
        plant = self._plants[unit]
        room = round(self._airs[unit]().temperature_c * 10) & 0xFFFF
        words = (int(plant.on), _MODES.index(plant.mode), round(plant.setpoint_c * 10), round(plant.fan_pct), room, self.fault_codes[unit])
        return words[place] if place < len(words) else 0

    def write(self, register: int, words: Sequence[int]) -> bool:
        """On/off, mode, setpoint, fan; the others cannot be written."""
        return all(self._write_one(place, word) for place, word in enumerate(words, register))

    def _write_one(self, register: int, word: int) -> bool:
        unit, place = divmod(register, _VRF_STRIDE)
        if unit >= len(self._plants):
            return False
        quantity, value = self._set(self._plants[unit], place, word)
        if quantity:
            self._obeyed(unit, quantity, value)
        return bool(quantity)

    @staticmethod
    def _set(plant: Plant, place: int, word: int) -> tuple[str, float | str | bool]:
        if place == 0 and word <= 1:
            plant.on = bool(word)
            return "on", plant.on
        if place == 1 and word < len(_MODES):
            plant.mode = _MODES[word]
            return "mode", plant.mode
        if place == 2 and _SETPOINT_LEAST <= word <= _SETPOINT_MOST:
            plant.setpoint_c = word / 10
            return "setpoint_c", plant.setpoint_c
        if place == 3 and word <= 100:
            plant.fan_pct = float(word)
            return "fan_pct", plant.fan_pct
        return "", 0.0


class WindowDisplay:
    """A window display (format B): a number at 0x0000, text from 0x0070; `shown(text)` is told when it shows another one."""

    def __init__(self, shown: Callable[[str], None]) -> None:
        self.text = ""
        self._shown = shown
        self._words: dict[int, int] = dict.fromkeys((0, *range(_TEXT_AT, _TEXT_AT + _TEXT_REGISTERS)), 0)

    def read(self, function: int, register: int) -> int | None:
        """FC03: what was written."""
        return self._words.get(register) if function == 3 else None

    def write(self, register: int, words: Sequence[int]) -> bool:
        """A number replaces the text, text the number."""
        written = dict(enumerate(words, register))
        if not written.keys() <= self._words.keys():
            return False
        self._words |= written
        text = str(words[0]) if register == 0 else self._written_text()
        if text != self.text:
            self.text = text
            self._shown(text)
        return True

    def _written_text(self) -> str:
        words = [self._words[register] for register in range(_TEXT_AT, _TEXT_AT + _TEXT_REGISTERS)]
        return struct.pack(f">{len(words)}H", *words).decode("ascii", "replace").strip("\0 ")


Slaves = Mapping[int, Slave]
