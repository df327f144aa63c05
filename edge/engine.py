"""The engine: what devices say goes through the core into the store, and only then out to screens, devices and head office."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from devices.reading import Command, Occurrence, Outcome, Sample
from edge.branch.plan import Plan
from edge.branch.request import RefusedError
from edge.branch.state import BranchState
from edge.branch.step import apply, resume
from edge.clock import Clock, written
from edge.core import Core, Done
from edge.event import Event
from edge.mailbox import Mailbox
from edge.store.outbox import Numbered
from edge.store.store import Store

_LOG = logging.getLogger(__name__)
_MOST_SAMPLES: Final = 4096
_JUMP_S: Final = 5.0
_FORESEE_AFTER_S: Final = 0.05
_FORESEE_RESTS: Final = 15.0
_LEAVE_WITHIN_S: Final = 1.5

Listener = Callable[[list[Numbered]], None]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a person's request: `ok` with data, or `error` with what to do."""

    status: str
    error: str | None = None
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


def _foldable(plan: Plan, events: list[Event]) -> Iterator[Event]:
    """The events that a state can be made of: one whose data lacks something (another version wrote it) must not keep the branch down."""
    state = BranchState()
    for event in events:
        try:
            state = apply(plan, state, event)
        except (LookupError, TypeError, ValueError) as error:
            _LOG.error("%s of %s cannot be taken up and is left out: %r", event.type, written(event.t, plan.timezone), error)
        else:
            yield event


class Engine:
    """One branch, alive. Everything here runs in the event loop; nothing waits but for the store."""

    def __init__(self, plan: Plan, store: Store, clock: Clock, refresh: Callable[[], None]) -> None:
        """`refresh` is called whenever the state that people see may have changed."""
        self.plan, self.store, self.clock = plan, store, clock
        self.core = Core(plan, BranchState())
        self.mailboxes = {device: Mailbox(self._replaced) for device in plan.devices}
        self.listeners: list[Listener] = []
        self.samples_replaced = 0
        self.samples_taken = 0
        self.occurrences_taken = 0
        self._refresh = refresh
        self._inbox: dict[tuple[str, str, str], Sample] = {}
        self._pending: dict[tuple[str, str], asyncio.Future[list[Numbered]]] = {}
        self._heard = asyncio.Event()
        self._foreseeing: asyncio.TimerHandle | None = None
        self._foresee_cost_s = 0.0
        self._leaving: set[str] = {""}  # commands of `leave` whose outcome is awaited
        self._left = asyncio.Event()
        self._not_done: set[tuple[str, str, str]] = set()  # device, quantity, part of commands that did not take
        self._clock_marks = (clock.now(), clock.monotonic())

    async def resume(self) -> None:
        """Take up the day where its events left it; nothing else may run before this has."""
        events = await asyncio.to_thread(self.store.since, "day.began")
        self.core.state = resume(self.plan, _foldable(self.plan, events))
        if self.store.epoch_reason:
            self._keep([Event("outbox.epoch_began", self._now(), {"reason": self.store.epoch_reason})])
        if (back_s := self.store.last_wall_s - self._now()) >= _JUMP_S:  # a box without a battery for its clock began anew
            self._jumped(-back_s)
        self._send(self.core.shown(self._now()))

    # what drivers say

    def measured(self, device: str, sample: Sample) -> None:
        """Take a sample in; the newest of a quantity replaces one that was not looked at yet."""
        key = (device, sample.part, sample.quantity)
        if self._inbox.pop(key, None) is not None:
            self.samples_replaced += 1
        elif len(self._inbox) >= _MOST_SAMPLES:
            self._inbox.pop(next(iter(self._inbox)))
            self.samples_replaced += 1
        self._inbox[key] = msgspec.structs.replace(sample, device=device, received=self._now())
        self._heard.set()

    async def happened(self, device: str, occurrence: Occurrence) -> None:
        """Return when the occurrence is durable, or known as a copy of one that is.

        Raises:
            StoreClosedError: stopped before that; the device must not be told that it was kept.
        """
        await self.store.room()
        now = self._present()
        occurrence = msgspec.structs.replace(occurrence, device=device, received=now)
        key = (device, occurrence.identity)
        if self.store.repeats.is_copy(occurrence, self.store.running_s()):
            if under_way := self._pending.get(key):
                await asyncio.shield(under_way)
            return
        self.occurrences_taken += 1
        done = self.core.take(occurrence, now)
        durable = self._pending[key] = self.store.submit(done.events, occurrence)
        durable.add_done_callback(partial(self._no_more_pending, key))
        await self._followed(durable, done.commands)
        self.store.repeats.answered(occurrence, self.store.running_s())

    def _no_more_pending(self, key: tuple[str, str], durable: asyncio.Future[list[Numbered]]) -> None:
        if self._pending.get(key) is durable:
            del self._pending[key]

    async def _followed(self, durable: asyncio.Future[list[Numbered]], commands: list[Command]) -> None:
        """Return when events are durable; what follows from them does so also when nobody waits for them any more."""
        durable.add_done_callback(partial(self._follow, commands))
        await asyncio.shield(durable)

    def _follow(self, commands: list[Command], durable: asyncio.Future[list[Numbered]]) -> None:
        if durable.cancelled() or durable.exception():
            return
        self._told(durable.result())
        self._send(commands)
        self._refresh()
        self._foresee_soon()

    def _foresee_soon(self) -> None:
        """Screens first: the forecast follows what happened a moment later, and once for all that came together."""
        if self._foreseeing is None:
            after_s = max(_FORESEE_AFTER_S, self._foresee_cost_s * _FORESEE_RESTS)
            self._foreseeing = asyncio.get_running_loop().call_later(after_s, self._foresee)

    def _foresee(self) -> None:
        """A long line costs more to foresee: the longer that took, the longer it rests, so that presses never wait for it."""
        self._foreseeing, began = None, self.clock.monotonic()
        self.core.foresee(self._now())
        self._foresee_cost_s = self.clock.monotonic() - began
        self._refresh()

    def outcome(self, command: Command, outcome: Outcome, detail: str = "") -> None:
        """A driver says what came of a command."""
        self._log_once(command, outcome, detail)
        self._keep(self.core.outcome(command, outcome, detail, self._now()))
        self._leaving.discard(command.id)
        if not self._leaving:
            self._left.set()

    def _log_once(self, command: Command, outcome: Outcome, detail: str) -> None:
        """A command that is not done is tried again each minute: told when that begins."""
        key = (command.device, command.quantity, command.part)
        if outcome not in {Outcome.FAILED, Outcome.REFUSED, Outcome.NOT_CONFIRMED}:
            self._not_done.discard(key)
        elif key not in self._not_done:
            self._not_done.add(key)
            _LOG.info("%s: %s %s: %s %s", command.device, command.quantity, command.value, outcome, detail)

    # what people ask

    async def ask(self, verb: str, arguments: Mapping[str, Any], by: str) -> Answer:
        """Do what a person asks of the queue or the plant; it is an event, whatever comes of it."""
        if self.store.problem:
            return Answer("error", error=f"nothing can be kept just now ({self.store.problem}); free some room on the disk and ask again")
        now, done, answer = self._present(), Done([], []), Answer("ok")
        try:
            done, data = self.core.ask(verb, arguments, now)
            answer = Answer("ok", data=data)
        except RefusedError as error:
            answer = Answer("error", error=str(error))
        told = Event("request.answered", now, {"verb": verb, "by": by, "status": answer.status, "error": answer.error})
        await self._followed(self.store.submit([*done.events, told]), done.commands)
        return answer

    async def leave(self) -> None:
        """Put the plant into a state that is safe for days; waits a moment for what comes of it."""
        commands = self.core.leave(self._now())
        self._leaving = {command.id for command in commands}
        self._send(commands)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_WITHIN_S if commands else 0):
                await self._left.wait()

    async def note(self, event: Event) -> None:
        """Keep an event that the program itself makes (a command from head office, a restarted device)."""
        self._told(await self.store.keep([event]))

    def tell(self, event: Event) -> None:
        """As `note`, without waiting: what is asked of the daemon itself is done also while the disk is full."""
        self._keep([event])

    # what time does

    async def run(self) -> None:
        """Look at samples as they come and at the clock each second, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_samples())
            tasks.create_task(self._look_at_the_clock())

    async def _look_at_samples(self) -> None:
        while True:
            await self._heard.wait()
            self._heard.clear()
            await self.store.room()
            self._take_samples()

    def _take_samples(self) -> None:
        inbox, self._inbox = self._inbox, {}
        events: list[Event] = []
        now = self._present()
        for sample in inbox.values():
            done = self.core.take(sample, now)
            events += done.events
            self._send(done.commands)
        self.samples_taken += len(inbox)
        self._keep(events)

    async def _look_at_the_clock(self) -> None:
        while True:
            await asyncio.sleep(1.0 / min(max(self.clock.rate, 1.0), 10.0))
            if not self.store.is_full():
                self._second()

    def _second(self) -> None:
        done = self.core.tick(self._present())
        self._keep(done.events)
        self._send(done.commands)
        if given_up := self.store.given_up():
            self._keep([Event("outbox.bulk_given_up", self._now(), {"count": given_up})])
        self.store.note_running()
        self._refresh()

    def _present(self) -> float:
        """Now, a jump of the wall clock noticed: before anything is judged by it."""
        (wall, steady), self._clock_marks = self._clock_marks, (self.clock.now(), self.clock.monotonic())
        by_s = (self._clock_marks[0] - wall) - (self._clock_marks[1] - steady) * self.clock.rate
        if abs(by_s) >= _JUMP_S * max(1.0, self.clock.rate):
            self._jumped(by_s)
        return self._now()

    def _jumped(self, by_s: float) -> None:
        _LOG.warning("the clock jumped by %.0f s", by_s)
        self._keep(self.core.jumped(by_s, self._now()))

    # what follows

    def _keep(self, events: list[Event]) -> None:
        if events:
            self.store.submit(events).add_done_callback(self._kept_later)

    def _kept_later(self, done: asyncio.Future[list[Numbered]]) -> None:
        if not done.cancelled() and not done.exception():
            self._told(done.result())
            self._refresh()

    def _told(self, numbered: list[Numbered]) -> None:
        for listener in self.listeners:
            listener(numbered)

    def _send(self, commands: list[Command]) -> None:
        for command in commands:
            if mailbox := self.mailboxes.get(command.device):
                mailbox.put(command)
            else:
                _LOG.debug("no device %s for %s", command.device, command.quantity)

    def _replaced(self, command: Command) -> None:
        """It was given up before it was sent: for a newer one of its quantity, or because far too many wait."""
        self.outcome(command, Outcome.EXPIRED, "replaced by a newer one")

    def _now(self) -> float:
        return round(self.clock.now(), 3)
