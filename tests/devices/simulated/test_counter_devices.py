"""Counter devices on a real tty: they press until echoed, show what they are told, and misbehave on request."""

from __future__ import annotations

import asyncio

import pytest

from devices.simulated.counter_devices import CounterDevices, Display
from devices.simulated.faults import Faults
from devices.simulated.wire import PtyWire
from tests.devices.simulated.host import Host, until

NEXT = bytes.fromhex("FF 68 03 03 68 03 01 0C 10 16")
RATING = bytes.fromhex("FF 68 03 03 68 03 11 03 17 16")
RATING_ANSWER = bytes.fromhex("FF 68 03 03 68 03 01 03 07 16")
SHOWN: list[tuple[str, str]] = []


@pytest.fixture
def devices(wire: PtyWire) -> CounterDevices:
    SHOWN.clear()
    return CounterDevices(wire, {"3": 3, "4": 4}, lambda counter, ticket: SHOWN.append((counter, ticket)))


async def test_a_press_is_the_documented_frame_and_ends_with_its_echo(devices: CounterDevices, host: Host) -> None:
    pressing = asyncio.create_task(devices.press("3", "next"))
    assert await host.until(bool) == NEXT
    host.say(NEXT)
    assert await pressing is True
    assert bytes(host.heard) == NEXT


async def test_a_rating_is_answered_as_a_key(devices: CounterDevices, host: Host) -> None:
    rating = asyncio.create_task(devices.rate("3", 3))
    assert await host.until(bool) == RATING
    host.say(RATING)  # not the answer
    host.say(RATING_ANSWER)
    assert await rating is True


async def test_without_an_echo_it_sends_six_times_and_gives_up(devices: CounterDevices, host: Host) -> None:
    began = asyncio.get_running_loop().time()
    assert await devices.press("3", "next") is False
    assert asyncio.get_running_loop().time() - began >= 6 * 0.2
    assert bytes(host.heard) == NEXT * 6
    assert devices.in_flight == 0


async def test_an_echo_of_another_counter_is_none(devices: CounterDevices, host: Host) -> None:
    pressing = asyncio.create_task(devices.press("3", "next"))
    await host.until(bool)
    host.say(bytes.fromhex("FF 68 03 03 68 04 01 0C 11 16"))
    assert await host.until(lambda heard: heard.count(NEXT) == 2)
    host.say(NEXT)
    assert await pressing is True


async def test_two_at_once_both_come_through(devices: CounterDevices, host: Host) -> None:
    pressing = [asyncio.create_task(devices.press(counter, "next")) for counter in ("3", "4")]
    other = bytes.fromhex("FF 68 03 03 68 04 01 0C 11 16")
    for frame in (NEXT, other):
        await host.until(lambda heard, frame=frame: frame in heard)  # type: ignore[misc]  # bound at once
        host.say(frame)
    assert await asyncio.gather(*pressing) == [True, True]
    assert bytes(host.heard)[:20] != NEXT + other  # the first two were spoiled


async def test_displays_remember_what_they_are_told(devices: CounterDevices, host: Host) -> None:
    host.say(bytes.fromhex("FF 68 08 08 68 03 02 0A 0A 41 00 04 02 60 16"))
    host.say(bytes.fromhex("FF 68 08 08 68 03 02 00 01 07 0A 0A 0A 2B 16"))
    host.say(bytes.fromhex("FF 68 02 02 68 03 03 06 16"))
    await until(lambda: devices.displays["3"].beeps)
    display = devices.displays["3"]
    assert (display.ticket, display.waiting) == ("A042", 17)
    host.say(bytes.fromhex("FF 68 08 08 68 03 02 0A 0A 0A 00 04 02 29 16"))
    await until(lambda: display.ticket == "042")
    assert SHOWN == [("3", "A042"), ("3", "042")]
    assert devices.displays["4"].ticket == ""


@pytest.mark.parametrize(
    ("six", "ticket", "waiting"), [("  A042", "A042", None), ("017   ", "", 17), ("      ", "", None), ("017042", "042", 17)]
)
def test_six_places(six: str, ticket: str, waiting: int | None) -> None:
    display = Display()
    display.show(six)
    assert (display.ticket, display.waiting) == (ticket, waiting)


def test_blank_places_clear_a_ticket_but_a_number_waiting_does_not() -> None:
    display = Display()
    assert display.show("  A042")
    assert not display.show("016   ")
    assert not display.show("  A042")
    assert display.show("      ")
    assert display.ticket == ""


async def test_it_says_that_it_is_there(devices: CounterDevices, host: Host) -> None:
    asked = bytes.fromhex("FF 68 02 02 68 03 00 03 16")
    host.say(b"\x16\xff" + asked)
    assert await host.until(bool) == asked
    devices.faults.silent = True
    host.say(asked)
    pressed = await devices.press("4", "pause")
    assert (pressed, bytes(host.heard)) == (False, asked)


async def test_faults_on_the_wire_do_not_keep_a_press_from_its_echo(wire: PtyWire, host: Host) -> None:
    faults = Faults(3, lost=0.3, garbled=0.2, doubled=0.3, noise=0.3)
    devices = CounterDevices(wire, {"3": 3}, lambda _counter, _ticket: None, faults=faults)
    kept = 0
    for heard_before in range(5):
        pressing = asyncio.create_task(devices.press("3", "next"))
        seen = len(host.heard)
        await host.until(lambda heard, seen=seen: NEXT in heard[seen:])  # type: ignore[misc]  # bound at once
        host.say(NEXT)
        kept += await pressing
        assert kept == heard_before + 1
