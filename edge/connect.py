"""Connect: whether each device of a file answers, tried side by side without acknowledging or commanding anything."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from devices.camera import CameraSettings, frames
from devices.driver import DriverError, find
from devices.links.broker import BrokerAwayError, connect
from devices.links.lines import Lines
from devices.reading import Occurrence, Sample
from edge.clock import MachineClock
from edge.config.load import Config
from edge.mute import MuteBranch
from edge.settings_of import branch_broker, lines_of

_PATIENCE_S: Final = 10.0
Answers = Mapping[str, tuple[bool, str]]


async def tried(config: Config, patience_s: float = _PATIENCE_S) -> Answers:
    """Device or camera -> whether it said something within `patience_s`, and what (or why not)."""
    client_id = f"smartbranch-check-{secrets.token_hex(4)}"
    async with lines_of(config, client_id, MachineClock().now) as lines, asyncio.TaskGroup() as tasks:
        found = {device: tasks.create_task(_tried(config, device, lines, patience_s)) for device in config.settings}
        found |= {camera: tasks.create_task(_seen(camera, settings, patience_s)) for camera, settings in config.document.cameras.items()}
    await _forgotten(config, client_id)
    return {device: task.result() for device, task in found.items()}


async def _tried(config: Config, device: str, lines: Lines, patience_s: float) -> tuple[bool, str]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[bool, str]] = loop.create_future()
    said = f"nothing heard in {patience_s:g} s"

    def heard(what: Sample | Occurrence) -> None:
        nonlocal said
        if isinstance(what, Sample) and what.quantity == "state":
            said = f"{what.value}: {what.reason['en']}" if what.reason else said
        elif not answer.done():
            answer.set_result((True, f"heard {what.kind}" if isinstance(what, Occurrence) else f"heard {what.quantity} {what.value}"))

    running = asyncio.ensure_future(find(config.drivers[device]).run(config.settings[device], MuteBranch(device, lines, heard)))
    try:
        either: set[asyncio.Future[Any]] = {running, answer}
        await asyncio.wait(either, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if running.done() and isinstance(error := running.exception(), DriverError):
            return False, str(error)
        return answer.result() if answer.done() else (False, said)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _seen(camera: str, settings: CameraSettings, patience_s: float) -> tuple[bool, str]:
    said = f"no picture in {patience_s:g} s"

    def told(state: Sample) -> None:
        nonlocal said
        said = f"{state.value}: {state.reason['en']}" if state.reason else said

    try:
        async with asyncio.timeout(patience_s), aclosing(frames(settings, camera, told)) as pictures:
            async for picture in pictures:
                rows, columns, _ = picture.pixels.shape
                return True, f"a picture of {columns} x {rows}"
    except TimeoutError:
        pass
    return False, said


async def _forgotten(config: Config, client_id: str) -> None:
    """Take our session off the broker, so that it keeps nothing for a visitor that will not come again."""
    try:
        async with connect(branch_broker(config), f"{client_id}-devices", clean_session=True):
            return
    except BrokerAwayError:
        return  # it was never there
