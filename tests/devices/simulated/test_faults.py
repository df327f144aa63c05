"""Faults: a sound device is left alone, and each fault does what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.simulated.faults import Faults

FRAMES = st.binary(min_size=1, max_size=40)


@given(FRAMES)
def test_a_sound_device_says_what_it_means(frame: bytes) -> None:
    assert Faults().sent(frame) == frame
    assert Faults().messages(frame) == (frame,)
    assert Faults().hears()


@given(FRAMES, st.integers())
def test_each_fault_alone(frame: bytes, seed: int) -> None:
    assert Faults(seed, lost=1.0).sent(frame) == b""
    assert Faults(seed, lost=1.0).messages(frame) == ()
    assert Faults(seed, doubled=1.0).sent(frame) == frame * 2
    assert Faults(seed, doubled=1.0).messages(frame) == (frame, frame)
    noisy = Faults(seed, noise=1.0).sent(frame)
    assert noisy.endswith(frame)
    assert len(noisy) > len(frame)
    assert not Faults(seed, deaf=1.0).hears()


@given(FRAMES, st.integers())
def test_garbled_is_one_byte_wrong_missing_or_doubled(frame: bytes, seed: int) -> None:
    garbled = Faults(seed, garbled=1.0).sent(frame)
    assert abs(len(garbled) - len(frame)) <= 1
    assert garbled != frame
    if len(garbled) == len(frame):
        assert sum(one != other for one, other in zip(garbled, frame, strict=True)) == 1


def test_a_silent_device_neither_speaks_nor_hears() -> None:
    faults = Faults()
    faults.silent = True
    assert faults.sent(b"x") == b""
    assert faults.messages(b"x") == ()
    assert not faults.hears()


def test_the_same_seed_misbehaves_in_the_same_way() -> None:
    one, other = (Faults(5, lost=0.3, doubled=0.3, garbled=0.3, noise=0.3) for _ in range(2))
    assert [one.sent(b"frame") for _ in range(50)] == [other.sent(b"frame") for _ in range(50)]
