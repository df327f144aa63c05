"""What a Modbus slave's answers mean: its samples, its state, and how often it is asked (format G)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from devices.driver import text
from devices.reading import Sample, Text
from devices.wire.quantities import missing, reading
from devices.wire.registers import Bit, Profile, Register, value


class Judged(msgspec.Struct, frozen=True):
    """What one poll said: a sample a quantity that was read, and the faults that the device reports of itself."""

    samples: tuple[Sample, ...]
    fault: Text | None = None


def judge(profile: Profile, read: Mapping[int, int], address: int) -> Judged:
    """What the words that were `read` (by register, from the unit's base) say of the device."""
    bits = list(_set_bits(profile, read))
    broken = [bit.reason for bit in bits if bit.missing is None]
    unknown = {bit.missing: bit.reason for bit in bits if bit.missing is not None}
    samples = tuple(_samples(profile, read, address, unknown, joined(broken)))
    codes = [measured.value for measured in samples if measured.quantity == "fault_code"]
    faults = broken + [_fault(profile, code) for code in codes if isinstance(code, int) and code]
    return Judged(samples, joined(faults))


def _set_bits(profile: Profile, read: Mapping[int, int]) -> Iterator[Bit]:
    for register, bits in profile.errors.items():
        yield from (meant for bit, meant in bits.items() if read.get(register, 0) >> bit & 1)


def _samples(profile: Profile, read: Mapping[int, int], address: int, unknown: Mapping[str, Text], broken: Text | None) -> Iterator[Sample]:
    for register in profile.registers:
        if not all(at in read for at in register.registers):
            continue  # it was not answered; the device's state says so
        reason = broken or unknown.get(register.quantity)
        yield missing(register.quantity, reason) if reason else sample(register, read, address)


def sample(register: Register, read: Mapping[int, int], address: int) -> Sample:
    """The quantity as it was read; missing where that is not plausible."""
    return reading(register.quantity, value(register, read), f"modbus {address}/0x{register.register:04X}")


def _fault(profile: Profile, code: int) -> Text:
    return profile.faults.get(code) or text(
        f"the device reports fault {code}: look it up in the maker's table, or call service",
        f"设备报告故障代码 {code}：请查阅厂家故障代码表或联系维修",
    )


def joined(reasons: Sequence[Text]) -> Text | None:
    """Several reasons as one; None where there is none."""
    if not reasons:
        return None
    return text("; ".join(reason["en"] for reason in reasons), "；".join(reason["zh-CN"] for reason in reasons))


def silence(misses: int, retries: int, address: int) -> tuple[str, Text] | None:
    """The state of a slave that was silent `misses` times in a row; None while that may be a spoiled frame."""
    if misses > retries:
        return "offline", text(
            f"no answer from Modbus address {address}: check its power, wiring (A and B), address and baud rate",
            f"Modbus 地址 {address} 无应答：请检查供电、A/B 接线、地址和波特率",
        )
    if misses > 1:
        return "stale", text(f"Modbus address {address} answers no more; it is asked again", f"Modbus 地址 {address} 暂无应答，正在重试")
    return None


def refused(address: int, why: str) -> Text:
    """The reason of a slave that answers a read with an exception."""
    return text(
        f"Modbus address {address} refuses to be read ({why}): check that the profile is that of this device",
        f"Modbus 地址 {address} 拒绝读取（{why}）：请检查 profile 是否与设备相符",
    )


def pause_s(misses: int, every_s: float, slowest_s: float) -> float:
    """Seconds until a slave is asked again: twice as long with every silence after the second, never longer than `slowest_s`."""
    return max(every_s, min(slowest_s, every_s * 2.0 ** min(max(misses - 1, 0), 16)))
