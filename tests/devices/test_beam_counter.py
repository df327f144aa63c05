"""Beam counter: whatever happens to one byte on the wire, nobody is invented."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.beam_counter import Counter, Frame, Heard, Line, Settings, decode, follows, hear, run, samples
from devices.reading import Sample
from tests.devices.fakes import FakeBranch, FakeLine, running

WIRE = bytes.fromhex("0206 3130303137303436 00 0ce4 0003 0001 01 012c 00c8 07")
FRAME = Frame("10017046", 0, 3300, 3, 1, 1, 300, 200, 7)


def wire(
    sequence: int, people: list[int], *, number: bytes = b"10017046", total: int = 65_530, battery: int = 3300, sensor: int = 1
) -> bytes:
    """The frames a counter sends while `people` walk in, by default from 65,530 on so that the total wraps."""
    sent = b""
    for step, count in enumerate(people, sequence):
        total = (total + count) % 65_536
        sent += b"\x02\x06" + number + b"\0" + battery.to_bytes(2, "big") + count.to_bytes(2, "big") + b"\0\0" + bytes([sensor])
        sent += total.to_bytes(2, "big") + b"\0\xc8" + bytes([step % 256])
    return sent


def believed(received: bytes) -> list[Frame]:
    """The frames believed out of `received`, as the driver would."""
    line = Line()
    return [frame for frame in decode(bytearray(received)) if line.believe(frame)]


def settings(**more: object) -> Settings:
    return Settings.model_validate({"link": {"serial": "/dev/ttyTEST"}, **more})


def test_decodes_the_documented_frame() -> None:
    assert list(decode(bytearray(WIRE))) == [FRAME]
    assert list(samples(FRAME)) == [
        Sample("battery_v", 3.3),
        Sample("in_total", 300, wraps_at=65_536),
        Sample("out_total", 200, wraps_at=65_536),
    ]


@given(st.lists(st.integers(0, 9), min_size=3, max_size=20), st.integers(0, 255), st.integers(1, 7))
def test_believes_every_frame_after_the_first_in_any_pieces(people: list[int], sequence: int, piece: int) -> None:
    sent, buffer, heard, found = wire(sequence, people), bytearray(), Heard(), 0
    for start in range(0, len(sent), piece):
        buffer += sent[start : start + piece]
        for frame in decode(buffer):
            heard = hear(heard, frame)
            found += heard.believed is frame
    assert found == len(people) - 1
    assert len(buffer) < len(WIRE)


@given(st.data())
def test_one_wrong_missing_or_doubled_byte_invents_nobody(data: st.DataObject) -> None:
    total, sensor, battery = data.draw(st.sampled_from([(65_530, 1, 3300), (0x0206, 2, 0x0206), (0x0600, 2, 1540)]))
    sent = wire(250, data.draw(st.lists(st.integers(0, 9), min_size=8, max_size=16)), total=total, sensor=sensor, battery=battery)
    true_totals = {int.from_bytes(sent[at + 18 : at + 20], "big") for at in range(0, len(sent), 23)}
    at = data.draw(st.integers(0, len(sent) - 1))
    instead = data.draw(st.sampled_from([b"", sent[at : at + 1] * 2]) | st.binary(min_size=1, max_size=1))
    found = believed(sent[:at] + instead + sent[at + 1 :])
    assert {frame.total_in for frame in found} <= true_totals
    assert {frame.total_out for frame in found} == {200}
    assert len(found) >= 3  # and the line is heard again


@given(
    st.binary(max_size=4096) | st.lists(st.sampled_from([b"\x02", b"\x06", b"\x02\x06", b"0", WIRE, WIRE[:9]]), max_size=99).map(b"".join)
)
def test_no_bytes_break_it(received: bytes) -> None:
    buffer = bytearray(received)
    list(decode(buffer))
    assert len(buffer) < len(WIRE)


@pytest.mark.parametrize(("sequence", "total_in", "is_next"), [(8, 303, True), (8, 304, False), (9, 303, False), (7, 300, False)])
def test_what_follows_a_frame(sequence: int, total_in: int, is_next: bool) -> None:
    after = Frame("10017046", 0, 3300, 3, 0, 1, total_in, 200, sequence)
    assert follows(FRAME, after) is is_next


@pytest.mark.parametrize(
    ("then", "first_total"),
    [
        (wire(30, [2, 1], total=400), 403),  # frames were lost: the second one proves the first
        (wire(0, [0, 1], total=0), 1),  # the counter restarted
    ],
)
def test_a_gap_or_a_restart_is_believed_by_its_second_frame(then: bytes, first_total: int) -> None:
    found = believed(wire(250, [1, 1, 1]) + then)
    assert [frame.total_in for frame in found[-1:]] == [first_total]
    assert len(found) == 3


def test_a_frame_heard_twice_says_nothing_new() -> None:
    sent = wire(1, [1, 2, 3], total=0)
    assert [frame.total_in for frame in believed(sent + sent[-23:])] == [3, 6]


def test_counters_that_share_a_line_are_told_apart() -> None:
    a, b = wire(1, [1, 1, 1], total=0), wire(7, [2, 2, 2], number=b"10017047", total=100)
    mixed = b"".join(a[at : at + 23] + b[at : at + 23] for at in range(0, len(a), 23))
    branch = FakeBranch()
    counter = Counter(settings(serial_number="10017047"), branch, now=0.0)
    for frame in decode(bytearray(mixed)):
        counter.take(frame, 1.0)
    assert [sample.value for sample in branch.samples if sample.quantity == "in_total"] == [104, 106]
    assert branch.states() == ["online"]


def test_two_counters_where_one_was_expected_are_told() -> None:
    branch = FakeBranch()
    counter = Counter(settings(), branch, now=0.0)
    for frame in decode(bytearray(wire(1, [1, 1], total=0) + wire(7, [2, 2], number=b"10017047"))):
        counter.take(frame, 1.0)
    assert branch.states() == ["online", "faulty"]
    assert "10017046 and 10017047" in branch.reason()
    assert [sample.value for sample in branch.samples if sample.quantity == "in_total"] == [2]


def test_a_counter_that_was_replaced_is_taken_on_when_the_old_one_is_silent() -> None:
    branch = FakeBranch()
    counter = Counter(settings(), branch, now=0.0)
    for frame in decode(bytearray(wire(1, [1, 1], total=0))):
        counter.take(frame, 1.0)
    for frame in decode(bytearray(wire(1, [5, 5], number=b"10017099", total=0))):
        counter.take(frame, 60.0)
    assert [sample.value for sample in branch.samples if sample.quantity == "in_total"] == [2, 10]


def test_silence_becomes_stale_then_offline_and_ends() -> None:
    branch = FakeBranch()
    counter = Counter(settings(), branch, now=0.0)
    frames = list(decode(bytearray(wire(1, [1, 1, 1], total=0))))
    counter.take(frames[0], 0.0)
    counter.take(frames[1], 10.0)
    for now in (40.0, 41.0, 70.0, 71.0):
        counter.check(now)
    assert branch.states() == ["online", "stale", "offline"]
    assert "nothing heard though it speaks every 10 s" in branch.reason()
    counter.take(frames[2], 80.0)
    assert branch.states() == ["online", "stale", "offline", "online"]


def test_noise_is_told_from_silence() -> None:
    branch = FakeBranch()
    counter = Counter(settings(), branch, now=0.0)
    counter.take(FRAME, 1.0)
    counter.check(31.0)
    assert branch.states() == ["stale"]
    assert "do not follow one another" in branch.reason()


def test_a_low_battery_is_told_and_a_wrong_byte_is_not_one() -> None:
    branch = FakeBranch()
    counter = Counter(settings(), branch, now=0.0)
    sent = wire(1, [1, 1], total=0) + wire(3, [1], total=2, battery=100) + wire(4, [1], total=3)
    for frame in decode(bytearray(sent)):
        counter.take(frame, 1.0)
    assert branch.states() == ["online"]
    for frame in decode(bytearray(wire(5, [0, 0], total=4, battery=2700))):
        counter.take(frame, 2.0)
    assert branch.states() == ["online", "faulty"]
    assert branch.reason() == "battery at 2.7 V: change it"
    for frame in decode(bytearray(wire(7, [0], total=4, battery=3600))):
        counter.take(frame, 3.0)
    assert branch.states() == ["online", "faulty", "online"]


async def test_runs_on_a_line_until_cancelled() -> None:
    line = FakeLine()
    branch = FakeBranch(line)
    async with running(partial(run, settings(period_s=0.01), branch)):
        line.say(wire(1, [1, 1], total=0))
        await branch.until(lambda: branch.latest("in_total"))
        await branch.until(lambda: branch.states() == ["online", "stale", "offline"])
