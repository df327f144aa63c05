"""Silence: told in steps, told again while it lasts, and over when the device speaks."""

from __future__ import annotations

import asyncio

import pytest

from devices.wire import listening
from devices.wire.listening import Garbage, Silence
from devices.wire.troubles import Troubles
from tests.devices.fakes import FakeBranch, running

WHAT = {"en": "bank/x", "zh-CN": "bank/x"}


async def test_silence_is_told_again_since_a_broker_that_is_back_tells_online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_AGAIN_S", 0.01)
    branch = FakeBranch()
    async with running(Silence(Troubles(branch), WHAT, 0.01, 0.02).watch):
        await branch.until(lambda: [sample.value for sample in branch.samples].count("offline") >= 3)
    assert branch.states() == ["stale", "offline"]


async def test_a_device_that_may_be_silent_is_never_doubted() -> None:
    branch = FakeBranch()
    await Silence(Troubles(branch), WHAT, 0.0).watch()
    assert branch.samples == []


async def test_whoever_is_heard_in_time_is_not_doubted() -> None:
    branch, steps = FakeBranch(), list[str]()
    silence = Silence(Troubles(branch), WHAT, 5.0)
    async with running(lambda: silence.watch(lambda state, _reason: steps.append(state))):
        for _ in range(10):
            silence.heard()
            await asyncio.sleep(0)
    assert (steps, branch.samples) == ([], [])


def test_garbage_is_counted_and_told_as_one_fault() -> None:
    branch = FakeBranch()
    troubles = Troubles(branch)
    garbage = Garbage(branch, troubles)
    for _ in range(3):
        reason = garbage.came("bank/x", "broken JSON", ("a number", "数字"))
    assert garbage.count == 3
    assert branch.states() == ["faulty"]
    assert "bank/x: broken JSON, where a number is expected" in reason["en"]
    assert "应为数字" in reason["zh-CN"]
