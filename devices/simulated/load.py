"""Load for tests and benchmarks: callers, a ticket machine and sensors at a rate, and what was acknowledged to each."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from devices.simulated.clock import Clock
from devices.simulated.counter_devices import CounterDevices
from devices.simulated.device_file import Entry
from devices.simulated.machine_mqtt import MqttTicketMachine
from devices.simulated.mqtt_client import MqttClient
from devices.simulated.truth import Issued, Press, Rating
from devices.simulated.wire import PtyWire

_RATINGS: Final = (5, 4, 3, 2, 1)
_SAME_AGAIN_S: Final = 2.5  # the same frame is not pressed sooner: a copy within 2 s of a restart is a repeat by format A
_BATCH_S: Final = 0.05
_MOST_PENDING: Final = 5000  # tickets: a machine whose journal is full prints no more
_SERVICES: Final = (("A", "personal"), ("B", "corporate"))


class MachineTime:
    """The machine's own wall time."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


class LoadTruth(msgspec.Struct):
    """What was done, and what of it was acknowledged.

    What is in `presses` and `ratings`, and tickets that are `acknowledged`, must be there exactly once; the others at
    most once.
    """

    presses: list[Press] = []
    presses_given_up: list[Press] = []
    ratings: list[Rating] = []
    ratings_given_up: list[Rating] = []
    tickets: list[Issued] = []
    samples: int = 0  # handed to the broker
    samples_refused: int = 0  # the broker was away


class Rates(msgspec.Struct, frozen=True):
    """How much: `counters` callers on one bus that press `presses_per_s` together, and so on. A bus carries about 20 presses a second."""

    counters: int = 8
    presses_per_s: float = 8.0
    rating_share: float = 0.5  # of the presses: each makes just one event, so that they can be counted
    keys: tuple[str, ...] = ("next", "confirm")
    tickets_per_s: float = 2.0
    sensors: int = 20
    samples_per_s: float = 100.0


class Load:
    """Works until cancelled or its time is over; it survives that daemon and broker are killed, and goes on when they are back.

    The wire of the callers is the symbolic link `folder/load-callers`; tickets stand at `load/tickets`, sensors at
    `load/sensor-1` and so on.
    """

    def __init__(self, folder: Path, broker_url: str, rates: Rates | None = None, *, seed: int = 0, clock: Clock | None = None) -> None:
        self.rates = rates or Rates()
        self.truth = LoadTruth()
        self._clock: Clock = clock or MachineTime()
        self._random = random.Random(seed)
        self._told: dict[int, Issued] = {}
        self.wire = PtyWire(folder / "load-callers")
        addresses = {str(number): number for number in range(1, self.rates.counters + 1)}
        self.counters = CounterDevices(self.wire, addresses, lambda _counter, _ticket: None, seed=seed)
        self.machine = MqttTicketMachine(broker_url, "load/tickets", self._clock, self._acknowledged)
        self._sensors = MqttClient(broker_url, "simulated-load")

    def devices(self) -> dict[str, Entry]:
        """What stands under `devices` of a `branch.yaml`; its counters are `"1"` and so on."""
        serial = {"serial": self.wire.address, "baud": 9600}
        bus = {number: str(number) for number in range(1, self.rates.counters + 1)}
        topics = {f"sensor-{number}": f"load/sensor-{number}" for number in range(1, self.rates.sensors + 1)}
        return {
            "callers": {"driver": "counter_bus", "link": serial, "counters": bus, "letters": True},
            "tickets": {"driver": "ticket_machine", "link": {"mqtt": "load/tickets"}},
            **{name: {"driver": "mqtt_sensor", "link": {"mqtt": topic}, "quantities": ["temperature_c"]} for name, topic in topics.items()},
        }

    async def run(self, duration_s: float | None = None, *, settle_s: float = 20.0) -> bool:
        """Press, issue and publish; then wait at most `settle_s` until all is acknowledged or given up.

        Whether it came to rest; what had not is in `truth` as not acknowledged.
        """
        await self.wire.plug()
        lasting = [asyncio.create_task(self.machine.run()), asyncio.create_task(self._sensors.run())]
        working = [asyncio.create_task(work) for work in (self._issue(), self._measure(), *map(self._press, self.counters.displays))]
        try:
            await asyncio.wait((*lasting, *working), timeout=duration_s, return_when=asyncio.FIRST_EXCEPTION)
            await self._ended(working)
            return await self._settled(settle_s)
        finally:
            await self._ended((*working, *lasting))
            await self.wire.unplug()

    async def _settled(self, settle_s: float) -> bool:
        try:
            async with asyncio.timeout(settle_s):
                await self.machine.all_told()
        except TimeoutError:
            return False
        return True

    async def _ended(self, tasks: list[asyncio.Task[None]] | tuple[asyncio.Task[None], ...]) -> None:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended

    def _pause_s(self, rate: float) -> float:
        return self._random.expovariate(rate) if rate > 0 else 3600.0

    async def _press(self, counter: str) -> None:
        """One caller with its evaluator: now a key, now a rating, none of them twice within a short time."""
        pressed: dict[int | str, float] = {}
        keys, ratings = itertools.cycle(self.rates.keys), itertools.cycle(_RATINGS)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._pause_s(self.rates.presses_per_s / self.rates.counters))
            what = next(ratings) if self._random.random() < self.rates.rating_share else next(keys)
            if loop.time() - pressed.get(what, -_SAME_AGAIN_S) >= _SAME_AGAIN_S:
                await self._press_one(counter, what)
                pressed[what] = loop.time()

    async def _press_one(self, counter: str, what: int | str) -> None:
        t, kept = self._clock.now(), False
        try:
            kept = await (self.counters.rate(counter, what) if isinstance(what, int) else self.counters.press(counter, what))
        finally:  # cancelled: as if the device lost its power, and so not acknowledged
            if isinstance(what, int):
                (self.truth.ratings if kept else self.truth.ratings_given_up).append(Rating(counter, what, t))
            else:
                (self.truth.presses if kept else self.truth.presses_given_up).append(Press(counter, what, t, self._clock.now()))

    async def _issue(self) -> None:
        for prefix, service in itertools.cycle(_SERVICES):
            await asyncio.sleep(self._pause_s(self.rates.tickets_per_s))
            if len(self.machine.pending) < _MOST_PENDING:
                ticket, sequence = self.machine.issue(prefix, service, "normal")
                issued = self._told[sequence] = Issued(ticket, service, "normal", self._clock.now())
                self.truth.tickets.append(issued)

    def _acknowledged(self, sequence: int) -> None:
        if issued := self._told.pop(sequence, None):
            issued.acknowledged = True

    async def _measure(self) -> None:
        if not self.rates.sensors or self.rates.samples_per_s <= 0:
            return
        loop, sensors = asyncio.get_running_loop(), itertools.cycle(range(1, self.rates.sensors + 1))
        began, said = loop.time(), 0
        while True:
            await asyncio.sleep(_BATCH_S)
            due = int((loop.time() - began) * self.rates.samples_per_s)
            for number in itertools.islice(sensors, due - said):
                await self._measure_one(number)
            said = due

    async def _measure_one(self, number: int) -> None:
        said: dict[str, Any] = {"temperature_c": round(20 + self._random.random() * 5, 2)}
        taken = await self._sensors.publish(f"load/sensor-{number}", msgspec.json.encode(said), qos=0)
        self.truth.samples += taken
        self.truth.samples_refused += not taken
