"""The broker that a measurement runs over: Mosquitto where the machine has it, as on a branch's box, else the embedded one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from devices.simulated.broker import EmbeddedBroker

_SETTINGS: Final = "allow_anonymous true\nmax_queued_messages 100000\nmax_inflight_messages 1000\nset_tcp_nodelay true\nlog_type error\n"
_UP_WITHIN_S: Final = 10.0


def free_port() -> int:
    """A port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def loopback_broker(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A broker on loopback: which one it is, and its URL."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    port = free_port()
    if mosquitto is None:
        async with EmbeddedBroker(port) as broker:
            yield "embedded", broker.url
        return
    config = folder / "mosquitto.conf"
    await asyncio.to_thread(config.write_text, f"listener {port} 127.0.0.1\n{_SETTINGS}", encoding="utf-8")
    process = await asyncio.create_subprocess_exec(mosquitto, "-c", str(config))
    try:
        await _up(port)
        yield "mosquitto", f"mqtt://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _up(port: int) -> None:
    async with asyncio.timeout(_UP_WITHIN_S):
        while True:
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)
