"""Sequence numbers of a source: which are missing between those heard, and for how long; pure."""

from __future__ import annotations

from typing import Final

_MOST: Final = 256
"""Numbers remembered, and the widest gap that is one: a wider jump is a source that numbers anew."""


class Gaps:
    """What is missing of one source. `patience_s` is how long a number may still come: 0 of a source that cannot repeat."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._highest: int | None = None
        self._missing: dict[int, float] = {}  # since when (monotonic seconds)
        self._heard: dict[int, str] = {}  # the content under each of the last numbers
        self._given_up: list[int] = []

    def heard(self, number: int, content: str, now: float) -> None:
        """`content` came under `number`; the same number with other content is a source that restarted or wrapped."""
        known = self._heard.get(number)
        if known == content:
            return
        if number in self._missing:
            del self._missing[number]
        elif self._highest is None or known is not None or abs(number - self._highest) > _MOST:
            self._begin_anew(number)
        elif number > self._highest:  # else it was said before we began to listen, and comes late
            self._missing.update(dict.fromkeys(range(self._highest + 1, number), now))
            self._highest = number
        self._heard[number] = content
        self._forget_oldest()

    def _begin_anew(self, number: int) -> None:
        self._given_up += self._missing  # what was missing under the old numbers will not come
        self._missing.clear()
        self._heard.clear()
        self._highest = number

    def _forget_oldest(self) -> None:
        while len(self._heard) > _MOST:
            del self._heard[next(iter(self._heard))]
        while len(self._missing) > _MOST:
            self._given_up.append(oldest := next(iter(self._missing)))
            del self._missing[oldest]

    def missed(self, now: float) -> list[tuple[int, int]]:
        """Runs (first, last) of numbers that are given up now; each is told once."""
        late = [number for number, since in self._missing.items() if now - since >= self._patience_s]
        for number in late:
            del self._missing[number]
        given_up, self._given_up = sorted({*self._given_up, *late}), []
        runs: list[tuple[int, int]] = []
        for number in given_up:
            first = runs.pop()[0] if runs and runs[-1][1] == number - 1 else number
            runs.append((first, number))
        return runs
