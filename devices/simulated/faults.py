"""Faults that a simulated device can be given: what its wire does to frames, and whether it speaks and hears at all."""

from __future__ import annotations

import random
from typing import Final

_NOISE_LONGEST: Final = 24


class Faults:
    """Chances (0 to 1) a frame; all zero is a sound device. They may be changed while it runs.

    lost: a frame is not sent; doubled: sent twice; garbled: one byte of it is wrong, missing or doubled;
    noise: bytes that are nothing stand before it; deaf: what the host says is not heard.
    """

    def __init__(
        self, seed: int = 0, *, lost: float = 0.0, doubled: float = 0.0, garbled: float = 0.0, noise: float = 0.0, deaf: float = 0.0
    ) -> None:
        self.lost, self.doubled, self.garbled, self.noise, self.deaf = lost, doubled, garbled, noise, deaf
        self.silent = False  # neither speaks nor hears, as if without power
        self._random = random.Random(seed)

    def sent(self, frame: bytes) -> bytes:
        """What comes out on the wire instead of `frame`."""
        if self.silent or self._happens(self.lost):
            return b""
        wire = self.spoiled(frame) if self._happens(self.garbled) else frame
        if self._happens(self.doubled):
            wire += wire
        return self._noise() + wire if self._happens(self.noise) else wire

    def messages(self, payload: bytes) -> tuple[bytes, ...]:
        """What is published instead of `payload` where the transport keeps messages apart."""
        if self.silent or self._happens(self.lost):
            return ()
        noise = (self._noise(),) if self._happens(self.noise) else ()
        told = self.spoiled(payload) if self._happens(self.garbled) else payload
        return (*noise, told, told) if self._happens(self.doubled) else (*noise, told)

    def hears(self) -> bool:
        """Whether what the host says now arrives."""
        return not self.silent and not self._happens(self.deaf)

    def spoiled(self, frame: bytes) -> bytes:
        """`frame` with one byte wrong, missing or doubled."""
        at = self._random.randrange(len(frame))
        instead = self._random.choice([b"", frame[at : at + 1] * 2, bytes([frame[at] ^ self._random.randrange(1, 256)])])
        return frame[:at] + instead + frame[at + 1 :]

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, _NOISE_LONGEST))

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance
