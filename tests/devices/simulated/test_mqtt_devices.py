"""Sensors, actuators and terminals at a real broker: what they say, obey, and how they fail."""

from __future__ import annotations

import asyncio

import pytest

from devices.simulated.broker import EmbeddedBroker
from devices.simulated.clock import RunningClock
from devices.simulated.mqtt_things import Actuator, MqttThings
from devices.simulated.terminals import Terminal
from devices.simulated.truth import Obeyed, TerminalFault
from tests.devices.simulated.host import until
from tests.devices.simulated.listener import at_work, listening

STATE = "zigbee2mqtt/hall-light"


async def test_sensors_tell_and_actuators_answer_with_their_state(embedded_broker: EmbeddedBroker) -> None:
    obeyed: list[float] = []
    light = Actuator("hall-light", "brightness", 100.0, obeyed.append)
    seen: list[object] = [{"waiting": 7}, None]
    things = MqttThings(embedded_broker.url, {"sensors/queue": lambda: seen[0]}, (light,), every_s=0.05)  # type: ignore[arg-type, return-value]
    async with listening(embedded_broker.port, "sensors/#", "zigbee2mqtt/#") as host, at_work(things.run()):
        assert await host.first("sensors/queue") == {"waiting": 7}
        assert await host.first(f"{STATE}/availability") == {"state": "online"}
        assert (await host.first(STATE))["brightness"] == 254
        await host.say(f"{STATE}/set", {"brightness": 127})
        assert (await host.first(STATE, 2))["brightness"] == 127
        await host.say(f"{STATE}/set", {"colour": "red"})
        await host.say(f"{STATE}/set", {"state": "OFF"})
        assert (await host.first(STATE, 3))["state"] == "OFF"
        assert obeyed == pytest.approx([50.0, 0.0])
        things.faults.silent = True
        await host.say(f"{STATE}/set", {"state": "ON"})
        seen[0] = None
        await asyncio.sleep(0.1)
        assert (light.percent, len(host.of(STATE))) == (0.0, 3)


@pytest.mark.parametrize(
    ("said", "percent"), [({"percentage": 40}, 40.0), ({"percentage": 400}, 100.0), ({"state": "ON"}, 100.0), ({"percentage": True}, None)]
)
def test_what_a_fan_understands(said: dict[str, object], percent: float | None) -> None:
    fan = Actuator("hall-fan", "percentage", 20.0, lambda _percent: None)
    assert fan.obey(said) is (percent is not None)
    assert fan.percent == (percent if percent is not None else 20.0)


def terminal_at(url: str, broke: list[TerminalFault], obeyed: list[Obeyed], *, every_s: float = 3600.0) -> Terminal:
    return Terminal(
        url, "bank/vtm-01", "vtm", RunningClock(1_795_000_000.0), broke.append, obeyed.append, every_s=every_s, restart_s=0.05, seed=3
    )


async def test_a_terminal_breaks_and_is_restarted(embedded_broker: EmbeddedBroker) -> None:
    broke, obeyed = list[TerminalFault](), list[Obeyed]()
    terminal = terminal_at(embedded_broker.url, broke, obeyed)
    async with listening(embedded_broker.port, "bank/#") as host, at_work(terminal.run()):
        assert await host.first("bank/vtm-01/status") == "online"
        await until(lambda: any(said["state"] == "in_service" for said in host.of("bank/vtm-01/heartbeat")))
        terminal.fail("CARD_JAM")
        told = await host.first("bank/vtm-01/fault")
        assert (told["terminal"], told["faults"], told["seq"] > 1) == ("vtm-01", ["CARD_JAM"], True)
        await until(lambda: host.of("bank/vtm-01/heartbeat")[-1]["state"] == "out_of_service")
        order = {"id": "7", "verb": "restart"}
        await host.say("bank/vtm-01/command", order)
        await host.say("bank/vtm-01/command", order)  # a copy
        assert await host.first("bank/vtm-01/result") == {"id": "7", "ok": True, "detail": ""}
        assert await host.first("bank/vtm-01/status", 2) == "offline"  # its last will
        assert await host.first("bank/vtm-01/status", 3) == "online"
        await until(lambda: host.of("bank/vtm-01/heartbeat")[-1]["faults"] == [])
        assert host.of("bank/vtm-01/heartbeat")[-1]["seq"] < told["seq"]  # counted anew
        await host.say("bank/vtm-01/command", {"id": "8", "verb": "dance"})
        assert await host.first("bank/vtm-01/result", 2) == {"id": "8", "ok": False, "detail": "unknown verb dance"}
    assert [(fault.terminal, fault.faults) for fault in broke] == [("vtm-01", ("CARD_JAM",)), ("vtm-01", ())]
    assert [(one.device, one.quantity) for one in obeyed] == [("vtm-01", "restart")]


async def test_heartbeats_carry_what_is_documented(embedded_broker: EmbeddedBroker) -> None:
    terminal = terminal_at(embedded_broker.url, [], [], every_s=0.02)
    async with listening(embedded_broker.port, "bank/vtm-01/heartbeat") as host, at_work(terminal.run()):
        first, second = await host.first("bank/vtm-01/heartbeat"), await host.first("bank/vtm-01/heartbeat", 2)
    keys = "terminal kind state faults uses_total paper_pct cash_pct firmware uptime_s seq"
    assert set(first) == set(keys.split())
    assert second["seq"] == first["seq"] + 1


def test_use_wears_it_out() -> None:
    broke: list[TerminalFault] = []
    terminal = terminal_at("mqtt://127.0.0.1:1", broke, [])
    for _ in range(400):
        terminal.use()
        if terminal.broken:
            terminal.repair()
    assert terminal.heartbeat()["uses_total"] == 400
    assert terminal.heartbeat()["paper_pct"] == 40
    assert 5 < sum(bool(fault.faults) for fault in broke) < 120
