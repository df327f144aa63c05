"""Queue sensor: the documented lines, and no people out of noise; a sensor that cannot see is not an empty queue."""

from __future__ import annotations

from functools import partial, reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.queue_sensor import Queue, Settings, Zones, decode, run, samples
from devices.reading import Quality, Sample
from tests.devices.fakes import FakeBranch, FakeLine, running

HALL = b"$QUEUE,hall,7,95*4F\r\n"
BLIND = b"$QUEUE,hall,,*74\r\n"


def line(zone: str, people: int | str, longest: int | str) -> bytes:
    body = f"QUEUE,{zone},{people},{longest}".encode()
    return b"$%s*%02X\r\n" % (body, reduce(xor, body))


QUEUES = st.builds(Queue, st.sampled_from(["hall", "counters", "厅"]), st.none() | st.integers(0, 99), st.none() | st.integers(0, 7200))


def encoded(queue: Queue) -> bytes:
    return line(queue.zone, "" if queue.people is None else queue.people, "" if queue.longest_s is None else queue.longest_s)


def settings(**more: object) -> Settings:
    return Settings.model_validate({"link": {"serial": "/dev/ttyTEST"}, **more})


def test_the_documented_lines() -> None:
    assert list(decode(bytearray(HALL + BLIND))) == [Queue("hall", 7, 95), Queue("hall", None, None)]
    assert list(samples(Queue("hall", 7, 95), {})) == [Sample("waiting", 7, part="hall"), Sample("longest_wait_s", 95, part="hall")]


def test_cannot_see_is_missing_and_says_what_to_do() -> None:
    found = list(samples(Queue("z1", None, None), {"z1": "hall"}))
    assert [(s.quantity, s.value, s.part, s.quality) for s in found] == [
        ("waiting", None, "hall", Quality.MISSING),
        ("longest_wait_s", None, "hall", Quality.MISSING),
    ]
    assert all(sample.reason and "clean it" in sample.reason["en"] for sample in found)


def test_people_without_a_time_are_people() -> None:
    waiting, longest = samples(Queue("hall", 3, None), {})
    assert waiting == Sample("waiting", 3, part="hall")
    assert longest.quality is Quality.MISSING


@given(st.lists(QUEUES, max_size=6), st.lists(st.binary(max_size=30), min_size=6, max_size=6), st.integers(1, 9))
def test_finds_every_line_between_noise_in_pieces(queues: list[Queue], noises: list[bytes], piece: int) -> None:
    sent = b"".join(noise.replace(b"$", b"") + encoded(queue) for noise, queue in zip(noises, queues, strict=False))
    buffer, found = bytearray(), []
    for start in range(0, len(sent), piece):
        buffer += sent[start : start + piece]
        found += [queue for queue in decode(buffer) if queue]
        assert len(buffer) < 82
    assert found == queues


@given(st.lists(QUEUES, min_size=1, max_size=4), st.data())
def test_one_wrong_missing_or_doubled_byte_invents_nobody(queues: list[Queue], data: st.DataObject) -> None:
    sent = b"".join(map(encoded, queues))
    at = data.draw(st.integers(0, len(sent) - 1))
    instead = data.draw(st.sampled_from([b"", sent[at : at + 1] * 2]) | st.binary(min_size=1, max_size=1))
    found = [queue for queue in decode(bytearray(sent[:at] + instead + sent[at + 1 :])) if queue]
    assert len(found) <= len(queues)
    assert all(queue in queues for queue in found)


@pytest.mark.parametrize("at", range(len(HALL)))
def test_no_other_byte_anywhere_makes_another_line(at: int) -> None:
    for byte in range(256):
        spoiled = HALL[:at] + bytes([byte]) + HALL[at + 1 :]
        assert [queue for queue in decode(bytearray(spoiled)) if queue] in ([], [Queue("hall", 7, 95)])


@given(st.binary(max_size=4096) | st.lists(st.sampled_from([b"$", b"*", b"$QUEUE,", b"\r\n", b"$" * 50, HALL]), max_size=99).map(b"".join))
def test_no_bytes_break_it_or_pile_up(received: bytes) -> None:
    buffer = bytearray(received)
    list(decode(buffer))
    assert len(buffer) < 82


@pytest.mark.parametrize("noise", [b"\0", b"$", b"$*", b"*"])
def test_a_mebibyte_of_nothing_is_nothing(noise: bytes) -> None:
    buffer = bytearray(noise * (1 << 20))
    assert not any(decode(buffer))
    assert len(buffer) < 82


def test_a_silent_zone_is_missing_while_others_speak() -> None:
    branch = FakeBranch()
    zones = Zones(settings(), branch, now=0.0)
    zones.take(Queue("hall", 7, 95), 0.0)
    zones.take(Queue("counters", 2, 10), 0.0)
    zones.take(Queue("counters", 1, 5), 7.0)
    zones.check(7.0)
    hall, counters = branch.latest("waiting", "hall"), branch.latest("waiting", "counters")
    assert hall is not None
    assert hall.quality is Quality.MISSING
    assert counters is not None
    assert counters.value == 1
    assert branch.states() == ["online"]


def test_silence_becomes_stale_then_offline_and_ends() -> None:
    branch = FakeBranch()
    zones = Zones(settings(), branch, now=0.0)
    zones.take(Queue("hall", 0, 0), 0.0)
    for now in (6.0, 6.5, 12.5):
        zones.check(now)
    assert branch.states() == ["online", "stale", "offline"]
    latest = branch.latest("waiting", "hall")
    assert latest is not None
    assert latest.value is None
    zones.take(Queue("hall", 0, 0), 13.0)
    assert branch.states() == ["online", "stale", "offline", "online"]


async def test_runs_on_a_line_until_cancelled() -> None:
    wire = FakeLine()
    branch = FakeBranch(wire)
    async with running(partial(run, settings(period_s=0.02), branch)):
        wire.say(HALL[:9])
        wire.say(HALL[9:])
        await branch.until(lambda: branch.latest("waiting", "hall"))
        wire.say(b"\0\xff$QUEUE,hall,9,95*4F\r\n")
        await branch.until(lambda: branch.states() == ["online", "stale", "offline"])
        assert "wrong checksum" in branch.reason()
    assert [sample.value for sample in branch.samples if sample.quantity == "waiting" and sample.value is not None] == [7]
