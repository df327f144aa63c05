"""Listening to an MQTT device: each message acknowledged once it is dealt with, and silence noticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from devices.driver import Branch, text
from devices.links.mqtt import Message, MqttLink
from devices.reading import Text
from devices.wire.troubles import Troubles

_LOGGER = logging.getLogger(__name__)
_AGAIN_S: Final = 60.0


async def hear_all(link: MqttLink, hear: Callable[[Message], Awaitable[None]]) -> None:
    """Hand each message to `hear` and acknowledge it when that returns: what it says is committed then, or was none of ours."""
    async for message in link:
        await hear(message)
        link.acknowledge(message)


class Silence:
    """Notices that a device says nothing any more: stale after `stale_s` (0: never), offline after `offline_s` where that is given."""

    def __init__(self, troubles: Troubles, what: Text, stale_s: float, offline_s: float | None = None) -> None:
        self._troubles, self._what = troubles, what
        self._steps = [("stale", stale_s)] if stale_s > 0 else []
        self._steps += [("offline", offline_s)] if offline_s is not None else []
        self._heard = asyncio.Event()

    def heard(self) -> None:
        """The device said something just now."""
        self._heard.set()

    async def watch(self, silent: Callable[[str, Text], None] = lambda _state, _reason: None) -> None:
        """Tell the device's state, and `silent`, when it falls silent; that it was heard again is told by whoever heard it."""
        while self._steps:
            waited = 0.0
            for state, after_s in self._steps:
                if await self._within(after_s - waited):
                    break
                waited = after_s
                reason = self._reason(after_s)
                self._troubles.began("silence", state, reason)
                silent(state, reason)
            else:
                while not await self._within(_AGAIN_S):
                    self._troubles.tell()  # the link may have told `online` meanwhile: the broker is back, the device is not

    async def _within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    def _reason(self, silent_s: float) -> Text:
        return text(
            f"nothing from {self._what['en']} for {silent_s:.0f} s: check its power and its connection to the broker",
            f"{silent_s:.0f} 秒未收到 {self._what['zh-CN']} 的消息：请检查其电源及与 MQTT 代理的连接",
        )


class Garbage:
    """Counts the messages that are none of the device's, and tells them as a fault until a good one comes."""

    def __init__(self, branch: Branch, troubles: Troubles) -> None:
        self.count = 0
        self._branch, self._troubles = branch, troubles

    def came(self, topic: str, why: str, expected: tuple[str, str], cause: str = "garbage") -> Text:
        """One came on `topic`; the reason told, which names it and what was `expected` (English, Chinese) there."""
        self.count += 1
        _LOGGER.debug("%s: %s: %s (%d so far)", self._branch.device, topic, why, self.count)
        reason = not_understood(topic, why, *expected)
        self._troubles.began(cause, "faulty", reason)
        return reason


def not_understood(topic: str, why: str, expected: str, expected_zh: str) -> Text:
    """The reason of a message that is none of the device's: names the topic and what was expected there."""
    return text(
        f"{topic}: {why}, where {expected} is expected; check what publishes there",
        f"{topic}：内容无法识别（{why}），应为{expected_zh}；请检查是谁在该主题上发布",
    )
