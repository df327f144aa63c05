"""The equipment of a simulated branch: every device, on its wire, hung to the world that it measures and moves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from devices.simulated.beam import BeamCounter
from devices.simulated.building import Air
from devices.simulated.clock import Clock
from devices.simulated.counter_devices import CounterDevices
from devices.simulated.device_file import Addresses
from devices.simulated.machine_mqtt import MqttTicketMachine
from devices.simulated.modbus_server import RtuLine, TcpSlaves
from devices.simulated.mqtt_things import Actuator, MqttThings, Said
from devices.simulated.music_player import MusicPlayer
from devices.simulated.queue_line import QueueSensor
from devices.simulated.scenario import COOLED, COUNTERS, TERMINALS, WINDOWS, every
from devices.simulated.slaves import GenericVrf, Sdm120, SenseairS8, WindowDisplay, XyMd02
from devices.simulated.terminals import Terminal
from devices.simulated.truth import Obeyed, Truth
from devices.simulated.video import LiveCamera
from devices.simulated.wire import Plug, PtyWire
from devices.simulated.world import World


class Equipment:
    """All devices of the branch; what they are told goes into `truth`, what they acknowledge to `acknowledged`."""

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        world: World,
        clock: Clock,
        truth: Truth,
        acknowledged: Callable[[int], None],
        *,
        speed: float,
        seed: int,
        camera: bool,
    ) -> None:
        self._world, self._clock, self._truth = world, clock, truth
        self.wires = {name: PtyWire(folder / name) for name in ("callers", "door", "air", "windows", "queue")}
        addresses = {counter: int(counter) for counter in COUNTERS}
        self.counters = CounterDevices(self.wires["callers"], addresses, self._show, seed=seed)
        self.beam = BeamCounter(self.wires["door"], "10017046", every_s=every(10.0, speed))
        self.machine = MqttTicketMachine(broker_url, "bank/tickets", clock, acknowledged)
        self.queue_sensor = QueueSensor(self.wires["queue"], "hall", self._standing)
        self.windows = {address: WindowDisplay(partial(self._obey, f"window-{counter}", "text")) for address, counter in WINDOWS.items()}
        self.windows_line = RtuLine(self.wires["windows"], dict(self.windows))
        self.air_line = RtuLine(self.wires["air"], self._air_slaves())
        self.vrf = self._vrf()
        self.plant = TcpSlaves({1: self.vrf, 7: Sdm120(lambda: world.building.power_w, lambda: world.building.energy_kwh)})
        self.things = MqttThings(broker_url, self._sensors(), self._actuators(), every_s=every(10.0, speed))
        self.music = MusicPlayer(partial(self._obey, "music"))
        self.terminals = {name: self._terminal(broker_url, name, kind, speed, seed) for name, kind in TERMINALS.items()}
        self.camera = LiveCamera(clock, speed=speed, seed=seed) if camera else None

    def addresses(self) -> Addresses:
        """Where the wires end, once they are plugged."""
        serial = {name: wire.address for name, wire in self.wires.items()}
        camera = self.camera.url if self.camera else None
        return Addresses(serial, plant=f"127.0.0.1:{self.plant.port}", music=f"127.0.0.1:{self.music.port}", camera=camera)

    async def plug(self, stack: AsyncExitStack) -> None:
        """Connect every wire; `stack` takes them away in the end."""
        plugs: list[Plug] = [*self.wires.values(), self.plant, self.music]
        for wire in (*plugs, self.camera) if self.camera else plugs:
            await wire.plug()
            stack.push_async_callback(wire.unplug)

    def running(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What each device does until cancelled."""
        yield self.machine.run()
        yield self.beam.run()
        yield self.queue_sensor.run()
        yield self.things.run()
        for terminal in self.terminals.values():
            yield terminal.run()
        if self.camera:
            yield self.camera.run()

    def crossed(self, t: float, direction: str, people: int) -> None:
        """People went through the door."""
        self.beam.count(direction, people)
        if self.camera:
            self.camera.cross(t, direction, people)

    async def settle(self) -> None:
        """Return when what can be acknowledged is, the camera's picture is empty, and the door's totals were told to be believed."""
        if self.camera:
            await self.camera.settle()
        await self.beam.tell()
        await self.beam.tell()  # a frame is believed when the next one follows it
        await self.machine.all_told()

    def _show(self, counter: str, ticket: str) -> None:
        self._world.show(counter, ticket, self._clock.now())

    def _obey(self, device: str, quantity: str, value: float | str | bool) -> None:
        self._truth.commands.append(Obeyed(device, quantity, value, self._clock.now()))

    def _air(self, zone: str) -> Callable[[], Air]:
        return lambda: self._world.building.air[zone]

    def _air_slaves(self) -> dict[int, XyMd02 | SenseairS8]:
        hall, counters = self._air("hall"), self._air("counters")
        return {1: XyMd02(hall), 2: SenseairS8(hall), 3: XyMd02(counters), 4: SenseairS8(counters)}

    def _vrf(self) -> GenericVrf:
        building = self._world.building
        return GenericVrf([building.plant[zone] for zone in COOLED], [self._air(zone) for zone in COOLED], self._obey_vrf)

    def _obey_vrf(self, unit: int, quantity: str, value: float | str | bool) -> None:
        self._obey(f"{COOLED[unit]}-ac", quantity, value)

    def _standing(self) -> tuple[int, float]:
        return self._world.crowd.standing(self._clock.now())

    def _sensors(self) -> Mapping[str, Said]:
        crowd, totals = self._world.crowd, self.beam.totals
        return {
            "weather/now": self._weather,
            "sensors/hall-queue": lambda: {"waiting": len(crowd.waiting())},
            "sensors/hall-light": lambda: {"illuminance_lx": round(self._world.illuminance_lx)},
            "people/door": lambda: {"line": "main", "in": totals[0], "out": totals[1], "occupancy": totals[0] - totals[1]},
            **{f"sensors/{zone}-people": partial(self._people, zone) for zone in crowd.people()},
        }

    def _people(self, zone: str) -> dict[str, int]:
        return {"people": self._world.occupancy()[zone]}

    def _weather(self) -> dict[str, float]:
        weather = self._world.weather
        said = {
            "temperature_c": weather.temperature_c,
            "relative_humidity_pct": weather.relative_humidity_pct,
            "solar_w_m2": weather.solar_w_m2,
        }
        return {quantity: round(value, 1) for quantity, value in said.items()}

    def _actuators(self) -> tuple[Actuator, ...]:
        return tuple(
            actuator
            for zone in COOLED
            for actuator in (
                Actuator(f"{zone}-fan", "percentage", self._world.building.plant[zone].fresh_air_pct, partial(self._set_fresh_air, zone)),
                Actuator(f"{zone}-light", "brightness", self._world.building.plant[zone].light_pct, partial(self._set_light, zone)),
            )
        )

    def _set_fresh_air(self, zone: str, percent: float) -> None:
        self._world.building.plant[zone].fresh_air_pct = percent
        self._obey(f"{zone}-fresh-air", "fresh_air_pct", round(percent))

    def _set_light(self, zone: str, percent: float) -> None:
        self._world.building.plant[zone].light_pct = percent
        self._obey(f"{zone}-light", "light_pct", round(percent))

    def _terminal(self, broker_url: str, name: str, kind: str, speed: float, seed: int) -> Terminal:
        broke, obeyed = self._truth.terminal_faults.append, self._truth.commands.append
        return Terminal(
            broker_url,
            f"bank/{name}",
            kind,
            self._clock,
            broke,
            obeyed,
            every_s=every(30.0, speed),
            restart_s=every(60.0, speed),
            seed=seed,
        )
