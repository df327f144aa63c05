"""Fixtures: the broker comes back on its port after a kill, and what blocks the loop is caught."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from blockbuster import BlockingError

from devices.driver import _built_in


async def test_mosquitto_comes_back_where_it_was(mosquitto: Any) -> None:
    first = mosquitto.pid
    mosquitto.kill()
    with pytest.raises(aiomqtt.MqttError):
        await aiomqtt.Client("127.0.0.1", mosquitto.port).__aenter__()
    mosquitto.start()
    assert mosquitto.pid != first
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish("a", "b", qos=1)


async def test_our_code_may_not_block_the_loop() -> None:
    with pytest.raises(BlockingError):
        list(_built_in())  # reads a folder
    assert await asyncio.to_thread(lambda: list(_built_in())) is not None


async def test_test_code_may(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("b", encoding="utf-8")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "b"
