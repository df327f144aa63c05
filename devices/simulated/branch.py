"""A whole simulated branch on real wires: brings every device up, moves the world, and keeps the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from devices.simulated.beam import BeamCounter
from devices.simulated.branch_file import written
from devices.simulated.clock import Clock, RunningClock
from devices.simulated.counter_devices import CounterDevices
from devices.simulated.crowd import Visit
from devices.simulated.happening import AppointmentMade, CheckedIn, Crossed, Happening, KeyPressed, Rated, TerminalUsed, TicketWanted
from devices.simulated.machine_mqtt import MqttTicketMachine
from devices.simulated.scenario import COUNTERS, SCENARIOS, SERVICES, Scenario
from devices.simulated.truth import Finished, Issued, Press, Rating, Truth
from devices.simulated.wire import PtyWire
from devices.simulated.world import World

_TICK_S: Final = 0.05
_ASK_AGAIN_S, _ASK_AGAIN_REAL_S = 20.0, 1.0
_LEAST_EVERY_S: Final = 1.0


def every(period_s: float, speed: float) -> float:
    """How often (seconds of the machine's clock) what reports each `period_s` of the day does so at `speed`."""
    return max(min(period_s, _LEAST_EVERY_S), period_s / speed)


class SimulatedBranch:
    """All devices of a branch, on ptys under `folder`, on TCP and at the broker; an async context manager.

    `start` is the unix time at which the day begins, `clock` tells the simulated time (the same that the daemon is
    given; without one it runs from `start` at `speed`). Customers and building follow that clock; the wires keep
    their own timing.
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
    ) -> None:
        self.folder, self.broker_url, self.speed = folder, broker_url, speed
        self.clock = clock or RunningClock(start, speed)
        self.world = World(seed, scenario, start, ask_again_s=max(_ASK_AGAIN_S, _ASK_AGAIN_REAL_S * speed))
        self.camera = camera
        self._truth = Truth()
        self._running = True
        self._told: dict[int, Issued] = {}  # what the ticket machine told, by its sequence number
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._pressing: set[asyncio.Task[None]] = set()
        self.callers_wire, self.door_wire = PtyWire(folder / "callers"), PtyWire(folder / "door")
        addresses = {counter: int(counter) for counter in COUNTERS}
        self.counters = CounterDevices(self.callers_wire, addresses, self.world.show, seed=seed)
        self.beam = BeamCounter(self.door_wire, "10017046", every_s=every(10.0, speed))
        self.machine = MqttTicketMachine(broker_url, "bank/tickets", self.clock, self._acknowledged)

    async def __aenter__(self) -> Self:
        for wire in (self.callers_wire, self.door_wire):
            await wire.plug()
            self._stack.push_async_callback(wire.unplug)
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        for running in (self.machine.run(), self.beam.run(), self._live()):
            self._tasks.append(self._group.create_task(running))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in (*self._tasks, *self._pressing):
            task.cancel()
        await self._stack.__aexit__(kind, error, trace)

    @property
    def truth(self) -> Truth:
        """What really happened so far."""
        self._truth.people = self.world.crowd.people()
        return self._truth

    def branch_yaml(self) -> str:
        """A `branch.yaml` that fits; known once the branch is up (ports are chosen then)."""
        return written(
            broker_url=self.broker_url, store=str(self.folder / "store"), links=self._links(), devices=self._devices(), cameras={}
        )

    async def settle(self, timeout_s: float = 20.0) -> bool:
        """Let nothing more happen, and wait until all that the devices have to deliver is acknowledged or given up.

        False when something is still not after `timeout_s`.
        """
        self._running = False
        await self.beam.tell()
        await self.beam.tell()  # a frame is believed when the next one follows it
        try:
            async with asyncio.timeout(timeout_s):
                while self._pressing:
                    await asyncio.wait(self._pressing)
                await self.machine.all_told()
        except TimeoutError:
            return False
        return True

    def _links(self) -> dict[str, Any]:
        serial = {"callers-line": self.callers_wire, "door-line": self.door_wire}
        return {name: {"serial": wire.address, "baud": 9600} for name, wire in serial.items()}

    def _devices(self) -> dict[str, Any]:
        bus = {int(counter): counter for counter in COUNTERS}
        return {
            "tickets": {"driver": "ticket_machine", "link": {"mqtt": "bank/tickets"}},
            "callers": {"driver": "counter_bus", "link": "callers-line", "counters": bus, "letters": True},
            "door-beam": {"driver": "beam_counter", "link": "door-line"},
        }

    async def _live(self) -> None:
        while True:
            if self._running:
                for happening in self.world.step(self.clock.now()):
                    self._carry(happening)
                self._keep_finished()
            await asyncio.sleep(_TICK_S)

    def _carry(self, happening: Happening) -> None:
        """Let the device that it concerns do what happened."""
        match happening:
            case Crossed(_, direction, people):
                self._cross(direction, people)
            case TicketWanted(_, visitor, service, class_):
                self._issue(visitor, service, class_)
            case KeyPressed(t, counter, key):
                self._start(self._press(counter, key, t))
            case AppointmentMade(_, id_, service, from_, until):
                self.machine.appointment(id_, service, from_, until)
                self._truth.appointments.append(id_)
            case CheckedIn(_, id_):
                self._truth.checked_in.append(id_)
            case TerminalUsed():
                pass

    def _cross(self, direction: str, people: int) -> None:
        self.beam.count(direction, people)
        if direction == "in":
            self._truth.door_in += people
        else:
            self._truth.door_out += people

    def _issue(self, visitor: int, service: str, class_: str) -> None:
        ticket, sequence = self.machine.issue(SERVICES[service].prefix, service, class_)
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
        committed = await self.counters.press(counter, key)
        if committed:
            self._truth.presses.append(Press(counter, key, t, self.clock.now()))
        else:
            self._truth.presses_given_up += 1
        if self._running and (rated := self.world.pressed(counter, committed=committed)):
            await self._rate(rated)

    async def _rate(self, rated: Rated) -> None:
        if await self.counters.rate(rated.counter, rated.rating):
            self._truth.ratings.append(Rating(rated.counter, rated.rating, rated.t))

    def _keep_finished(self) -> None:
        gone = self.world.crowd.gone
        self._truth.finished += map(finished, gone)
        gone.clear()


def finished(visit: Visit) -> Finished:
    """What is kept of a visit that is over."""
    return Finished(
        ticket=visit.ticket,
        service=visit.service,
        class_=visit.customer.class_,
        outcome=visit.outcome,
        counter=visit.counter,
        issued_at=visit.issued_at,
        called_at=visit.called_at,
        started_at=visit.started_at,
        finished_at=visit.finished_at,
    )
