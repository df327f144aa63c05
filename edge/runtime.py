"""The runtime: the one place that sees all; start order, one tree of tasks, stop order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from devices.driver import text
from devices.links.lines import Lines
from devices.reading import Text
from edge.branch_board import VERSION, BranchBoard
from edge.bus import Board
from edge.clock import Clock, MachineClock, read, written
from edge.config.load import Config
from edge.config.plan import at_rate, plan_of
from edge.engine import Engine
from edge.event import Event
from edge.learning import Learner
from edge.operations import Operations
from edge.ops.discovery import discovery
from edge.ops.publisher import Publisher
from edge.running import watchdog
from edge.settings_of import branch_broker, lines_of
from edge.store.outbox import Numbered, event_on_the_line
from edge.store.store import Store
from edge.store.writer import StoreClosedError
from edge.uplink.sender import Sender
from edge.uplink_wiring import Ask, uplink_of

if TYPE_CHECKING:
    from edge.web.server import WebServer

_LOG = logging.getLogger(__name__)
_FORGET_EACH_S: Final = 3600.0
_BACKLOG_EACH_S: Final = 2.0
_LEARNED_FROM_DAYS: Final = 42
_LAST_WORDS_S: Final = 1.0


class Runtime:
    """A branch running from its file, until it is cancelled or asked to read the file again."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or MachineClock()
        self.plan = at_rate(plan_of(config), self.clock.rate)
        self.board = Board()
        self.store = Store(config.store_folder, self.clock, self.plan.timezone, lambda _: self._refresh_soon())
        self.engine = Engine(self.plan, self.store, self.clock, self._refresh_soon)
        self.reload = asyncio.Event()
        self.uplink: Sender | None = None
        self.publisher: Publisher | None = None
        self.page: WebServer | None = None
        self._shown = BranchBoard(self.board, self._uplink_payload, self._problems)
        self._oldest_s = 0
        self._answered_orders: list[str] = []
        self._past: Callable[[], list[Event]] = list
        self._refreshing: asyncio.Handle | None = None

    async def run(self) -> None:
        """Run until `reload` is set, or the database is damaged and to be set aside.

        Devices begin before broker, page and head office are there.

        Raises:
            StoreError: nothing can be kept, so nothing is begun.
        """
        await self.store.open()
        try:
            await self.engine.resume()
            self._past = await asyncio.to_thread(self.store.past_of_queue, _LEARNED_FROM_DAYS)
            self._answered_orders = await asyncio.to_thread(self.store.answered_orders)
            self.engine.listeners.append(self._kept)
            await self._until_reload()
        except StoreClosedError:
            if not self.store.damage:
                raise
        finally:
            await self.store.close()

    async def leave(self) -> None:
        """Before it is stopped for good: the plant is left safe, and head office gets what is left, if it is there."""
        await self.engine.leave()
        if self.uplink and self.uplink.status().state == "connected":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self.store.outbox.drained()

    async def _until_reload(self) -> None:
        lines = lines_of(self.config, f"smartbranch-{self.plan.branch}", self.clock.now)
        async with lines:
            try:
                await self._all(lines)
            except* _Reload:
                pass  # that is what was asked for
            except* StoreClosedError:
                if not self.store.damage:
                    raise

    async def _all(self, lines: Lines) -> None:
        async with asyncio.TaskGroup() as tasks:
            operations = Operations(self, lines, tasks)
            for device in self.config.settings:
                operations.begin(device)
            for part in self._parts(operations):
                tasks.create_task(part)
            self._refresh_soon()

    def _parts(self, operations: Operations) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs beside the devices, each healing by itself."""
        document = self.config.document
        yield self.engine.run()
        yield watchdog()
        yield self._forget()
        yield Learner(self.engine.core, self._past).run()
        yield self._reload_asked()
        yield self._store_damaged()
        if document.mqtt.topics:
            announced = discovery(self.plan, VERSION, uplink=document.headoffice is not None) if document.mqtt.homeassistant else None
            broker = branch_broker(self.config)
            self.publisher = Publisher(broker, self.plan.branch, self.board, operations.ask, self.moment, announced)
            yield self.publisher.run()
        if document.headoffice:
            self.uplink = uplink_of(self.config, self.store, self.engine, operations.ask, self._answered_orders)
            yield self.uplink.run()
            yield self._watch_backlog()
        if document.web.listen:
            yield self._serve_page(document.web.listen, operations.ask)
        if document.cameras:
            from edge.cameras import watch_all  # noqa: PLC0415 (a branch without cameras does without OpenCV and the network)

            yield watch_all(document.cameras, self.engine)

    async def _serve_page(self, listen: str, ask: Ask) -> None:
        """The page, loaded beside the loop: devices do not wait for it."""
        page_of = await asyncio.to_thread(_loaded_page)
        self.page = page_of(self, listen, ask)
        await self.page.run()

    async def _reload_asked(self) -> None:
        await self.reload.wait()
        raise _Reload

    async def _store_damaged(self) -> None:
        """What is not on the disk is with the devices; the store is opened anew, and sets the damaged file aside."""
        await self.store.damaged.wait()
        _LOG.error("the database shows damage: %s; it is set aside, and another begun", self.store.damage)
        raise _Reload

    async def _forget(self) -> None:
        """Retention: what head office has had for long enough goes."""
        kept = self.config.document.store
        while True:
            day = self.store.day
            await self.store.forget(before_day=day(-kept.retention_days), bulk_before_day=day(-kept.bulk_retention_days))
            await asyncio.sleep(_FORGET_EACH_S)

    def _kept(self, numbered: list[Numbered]) -> None:
        if self.publisher:
            for one in numbered:
                self.publisher.event(one.event.type, event_on_the_line(one))

    def _refresh_soon(self) -> None:
        """Bring the board up to date once this turn of the loop is over, however often it was asked for."""
        if self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().call_soon(self._refresh)

    def _refresh(self) -> None:
        self._refreshing = None
        self._shown.refresh(self.engine)

    def moment(self) -> str:
        """Now, as it is written."""
        return written(self.clock.now(), self.plan.timezone)

    def _uplink_payload(self) -> Mapping[str, Any] | None:
        if self.uplink is None:
            return None
        line, outbox = self.uplink.status(), self.store.outbox
        waiting = {"backlog": outbox.backlog(), "oldest_s": self._oldest_s if outbox.backlog() else 0}
        return {"state": line.state, **waiting, "acknowledged": line.acknowledged, "reason": line.reason}

    async def _watch_backlog(self) -> None:
        """How long the oldest event that head office lacks has waited, looked up off the loop."""
        while True:
            oldest = await asyncio.to_thread(self.store.outbox.oldest_pending_t)
            self._oldest_s = round(max(0.0, self.clock.now() - read(oldest, self.plan.timezone))) if oldest else 0
            await asyncio.sleep(_BACKLOG_EACH_S)

    def _problems(self) -> Iterator[Text]:
        if why := self.store.problem:
            yield text(f"store: cannot be written ({why}); free some room on the disk", f"存储无法写入（{why}）；请清理磁盘空间")
        if count := self.store.untold:
            yield text(f"store: {count} bulk events were given up while the disk was full", f"磁盘已满期间放弃了 {count} 条批量事件")
        if self.publisher and self.publisher.problem:
            yield self.publisher.problem
        if self.page and self.page.problem:
            yield self.page.problem


def _loaded_page() -> Callable[[Runtime, str, Ask], WebServer]:
    from edge.page_wiring import page_of  # noqa: PLC0415 (a box without the page does without its imports)

    return page_of


class _Reload(Exception):  # noqa: N818 (a signal, no error)
    """The file is to be read again."""
