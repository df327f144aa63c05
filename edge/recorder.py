"""The recorder: listens to a device, through the daemon that owns its wire or on the wire itself, and writes what came."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiomqtt
import msgspec

from devices.driver import find
from devices.links.broker import BrokerAwayError, connect
from edge.capture import CaptureLine
from edge.clock import MachineClock
from edge.config.load import Config
from edge.config.problems import did_you_mean
from edge.mute import MuteBranch
from edge.settings_of import branch_broker, lines_of

_ANSWER_WITHIN_S: Final = 2.0
_MOST_WAITING: Final = 10_000


class CaptureError(Exception):
    """Nothing can be captured; says why and what to do."""


async def captured(config: Config, device: str, out: Path, seconds: float, stop: asyncio.Event) -> int:
    """Write what `device` says for `seconds`, or until `stop`; how many lines that were.

    Raises:
        CaptureError: no such device, the daemon refuses, or `out` cannot be written.
    """
    if device not in config.settings:
        raise CaptureError(f"no device is called {device!r}{did_you_mean(device, config.settings)}")
    heard: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
    async with contextlib.AsyncExitStack() as stack:
        if not await _by_daemon(stack, config, device, seconds, heard):
            await stack.enter_async_context(_on_the_wire(config, device, heard))
        return await _written(heard, out, seconds, stop)


async def _by_daemon(stack: contextlib.AsyncExitStack, config: Config, device: str, seconds: float, heard: asyncio.Queue[bytes]) -> bool:
    """Let the running daemon tell what it hears; False when none answers."""
    root = f"branch/{config.document.branch.id}"
    transaction = secrets.token_hex(8)
    client_id = f"smartbranch-capture-{transaction[:8]}"
    try:
        client = await stack.enter_async_context(connect(branch_broker(config), client_id, clean_session=True))
        await client.subscribe([(f"{root}/response/capture", 1), (f"{root}/capture/{device}", 1)])
        asked = {"device": device, "seconds": seconds, "transaction": transaction}
        await client.publish(f"{root}/request/capture", msgspec.json.encode(asked), qos=1)
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await _answered(client, transaction, heard)
    except (BrokerAwayError, aiomqtt.MqttError, TimeoutError):
        return False
    tasks = await stack.enter_async_context(asyncio.TaskGroup())
    listening = tasks.create_task(_listen(client, heard))
    stack.callback(listening.cancel)
    return True


async def _answered(client: aiomqtt.Client, transaction: str, heard: asyncio.Queue[bytes]) -> None:
    async for message in client.messages:
        body = bytes(message.payload) if isinstance(message.payload, bytes) else b""
        if not message.topic.value.endswith("/response/capture"):
            _keep(heard, body)
            continue
        answer = msgspec.json.decode(body)
        if answer.get("transaction") == transaction:
            if answer["status"] != "ok":
                raise CaptureError(f"the daemon refuses: {answer['error']}")
            return


async def _listen(client: aiomqtt.Client, heard: asyncio.Queue[bytes]) -> None:
    async for message in client.messages:
        _keep(heard, bytes(message.payload) if isinstance(message.payload, bytes) else b"")


@contextlib.asynccontextmanager
async def _on_the_wire(config: Config, device: str, heard: asyncio.Queue[bytes]) -> AsyncIterator[None]:
    """Listen with the device's own driver, which acknowledges and commands nothing here."""
    async with lines_of(config, f"smartbranch-capture-{secrets.token_hex(4)}", MachineClock().now, keeps_session=False) as lines:
        stop = lines.tap(
            lambda wire, topic, received, t, devices: (
                _keep(heard, msgspec.json.encode(CaptureLine.of(wire, topic, received, t))) if device in devices else None
            )
        )
        mute = MuteBranch(device, lines, lambda _: None)
        running = asyncio.ensure_future(find(config.drivers[device]).run(config.settings[device], mute))
        try:
            yield
        finally:
            stop()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _keep(heard: asyncio.Queue[bytes], line: bytes) -> None:
    if not heard.full():
        heard.put_nowait(line)


async def _written(heard: asyncio.Queue[bytes], out: Path, seconds: float, stop: asyncio.Event) -> int:
    loop = asyncio.get_running_loop()
    until, count = loop.time() + seconds, 0
    try:
        file = await asyncio.to_thread(out.open, "wb", 0)
    except OSError as error:
        raise CaptureError(f"{out}: {error.strerror}") from error
    with file:
        while (left_s := until - loop.time()) > 0 and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, 0.2)):
                    line = await heard.get()
                await asyncio.to_thread(file.write, line + b"\n")
                count += 1
    return count
