"""A whole simulated branch on real wires: brings every device up, moves the world, and keeps the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from devices.simulated.branch_file import written
from devices.simulated.clock import Clock, RunningClock
from devices.simulated.equipment import Equipment
from devices.simulated.happening import AppointmentMade, CheckedIn, Crossed, Happening, KeyPressed, Rated, TerminalUsed, TicketWanted
from devices.simulated.scenario import SCENARIOS, SERVICES, Scenario
from devices.simulated.truth import Issued, Press, Rating, Truth, finished
from devices.simulated.world import World

_TICK_S: Final = 0.05
_ASK_AGAIN_S, _ASK_AGAIN_REAL_S = 20.0, 1.0


class SimulatedBranch:
    """All devices of a branch, on ptys under `folder`, on TCP and at the broker; an async context manager.

    `start` is the unix time at which the day begins, `clock` tells the simulated time (the same that the daemon is
    given; without one it runs from `start` at `speed`). Customers and building follow that clock; the wires keep
    their own timing. `closed`: nobody comes until `open_door`, for whoever wants the daemon to see all from the first.
    """

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        *,
        seed: int,
        start: float,
        speed: float = 1.0,
        camera: bool = False,
        clock: Clock | None = None,
        scenario: Scenario = SCENARIOS["weekday"],
        closed: bool = False,
    ) -> None:
        self.folder, self.broker_url, self.speed = folder, broker_url, speed
        self.clock = clock or RunningClock(start, speed)
        self.world = World(seed, scenario, start, ask_again_s=max(_ASK_AGAIN_S, _ASK_AGAIN_REAL_S * speed))
        self._truth = Truth()
        self.equipment = Equipment(
            folder, broker_url, self.world, self.clock, self._truth, self._acknowledged, speed=speed, seed=seed, camera=camera
        )
        self._running = True
        self._open = asyncio.Event()
        if not closed:
            self._open.set()
        self._told: dict[int, Issued] = {}  # what the ticket machine told and was not acknowledged, by its sequence number
        self._stack = AsyncExitStack()
        self._pressing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            await self.equipment.plug(self._stack)
        except BaseException:
            await self._stack.aclose()
            raise
        up = asyncio.Event()
        self._all = asyncio.create_task(self._run(up))
        await up.wait()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop all. What made a device fail meanwhile is raised here, unless something else is on its way out."""
        self._all.cancel()
        (ended,) = await asyncio.gather(self._all, return_exceptions=True)
        await self._stack.aclose()
        if error is None and ended is not None and not isinstance(ended, asyncio.CancelledError):
            raise ended

    async def _run(self, up: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._group:
            for running in (*self.equipment.running(), self._live()):
                self._group.create_task(running)
            up.set()

    @property
    def truth(self) -> Truth:
        """What really happened so far."""
        self._truth.people = self.world.crowd.people()
        return self._truth

    def branch_yaml(self) -> str:
        """A `branch.yaml` that fits; known once the branch is up, for ports are chosen then."""
        store = str(self.folder / "store")
        return written(self.equipment.addresses(), broker_url=self.broker_url, store=store, speed=self.speed)

    async def open_door(self) -> None:
        """Let customers come from now on; the door's counter says before where it stands."""
        await self.equipment.beam.tell()
        await self.equipment.beam.tell()  # a frame is believed when the next one follows it
        self.world.begin(self.clock.now())
        self._open.set()

    async def settle(self, timeout_s: float = 20.0) -> bool:
        """Let nothing more happen, and wait until all that the devices have to deliver is acknowledged or given up.

        False when something is still not after `timeout_s`.
        """
        self._running = False
        try:
            async with asyncio.timeout(timeout_s):
                while self._pressing:
                    await asyncio.wait(self._pressing)
                await self.equipment.settle()
        except TimeoutError:
            return False
        return True

    async def _live(self) -> None:
        await self._open.wait()
        while True:
            if self._running:
                for happening in self.world.step(self.clock.now()):
                    self._carry(happening)
                self._keep_finished()
            await asyncio.sleep(_TICK_S)

    def _carry(self, happening: Happening) -> None:
        """Let the device that it concerns do what happened."""
        match happening:
            case Crossed(t, direction, people):
                self._cross(t, direction, people)
            case TicketWanted(_, visitor, service, class_):
                self._issue(visitor, service, class_)
            case KeyPressed(t, counter, key):
                self._start(self._press(counter, key, t))
            case AppointmentMade(_, id_, service, from_, until):
                self.equipment.machine.appointment(id_, service, from_, until)
                self._truth.appointments.append(id_)
            case CheckedIn(_, id_):
                self._truth.checked_in.append(id_)
            case TerminalUsed(_, terminal):
                self.equipment.terminals[terminal].use()

    def _cross(self, t: float, direction: str, people: int) -> None:
        self.equipment.crossed(t, direction, people)
        if direction == "in":
            self._truth.door_in += people
        else:
            self._truth.door_out += people

    def _issue(self, visitor: int, service: str, class_: str) -> None:
        ticket, sequence = self.equipment.machine.issue(SERVICES[service].prefix, service, class_)
        now = self.clock.now()
        issued = self._told[sequence] = Issued(ticket, service, class_, now)
        self._truth.tickets.append(issued)
        self.world.crowd.given(visitor, ticket, now)

    def _acknowledged(self, sequence: int) -> None:
        if told := self._told.pop(sequence, None):
            told.acknowledged = True

    def _start(self, pressing: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(pressing)
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)

    async def _press(self, counter: str, key: str, t: float) -> None:
        committed = await self.equipment.counters.press(counter, key)
        if committed:
            self._truth.presses.append(Press(counter, key, t, self.clock.now()))
        else:
            self._truth.presses_given_up += 1
        if self._running and (rated := self.world.pressed(counter, self.clock.now(), committed=committed)):
            await self._rate(rated)

    async def _rate(self, rated: Rated) -> None:
        if await self.equipment.counters.rate(rated.counter, rated.rating):
            self._truth.ratings.append(Rating(rated.counter, rated.rating, rated.t))

    def _keep_finished(self) -> None:
        gone = self.world.crowd.gone
        self._truth.finished += map(finished, gone)
        gone.clear()
