"""The agents at the counters of a simulated branch: what each presses next, from what the display says and who stands there; pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from devices.simulated.crowd import Crowd
from devices.simulated.scenario import CLOSES_H, COUNTERS, OPENS_H, hour_of

_RECALL_AFTER_S, _NO_SHOW_AFTER_S = 45.0, 90.0
STAGGER_S: Final = 5.0
_RATED_AFTER_S: Final = 8.0
_EARLY_BREAK, _LATE_BREAK = (11.5, 12.25), (12.25, 13.0)


class Stage(Enum):
    """What an agent is at."""

    AWAY = auto()  # not begun, at lunch, or gone home
    ASKING = auto()  # has asked for the next ticket
    CALLING = auto()  # a ticket is shown and its customer should come
    SERVING = auto()
    RATING = auto()  # the customer was asked for a rating
    FREE = auto()  # done with a ticket without having asked for the next


def on_shift(counter: str, t: float) -> bool:
    """Whether the agent of `counter` is there to take a new customer at `t`: half of them lunch early, half late."""
    hour = hour_of(t)
    begins, ends = _EARLY_BREAK if int(counter) % 2 == 0 else _LATE_BREAK
    return OPENS_H <= hour < CLOSES_H + 1 and not begins <= hour < ends


class Agent:
    """The agent of one counter; `ask_again_s`: how long (seconds) an unanswered "next" is left before it is pressed again."""

    def __init__(self, counter: str, crowd: Crowd, *, ask_again_s: float = 20.0) -> None:
        self.counter = counter
        self.services: Sequence[str] = COUNTERS[counter]
        self.stage = Stage.AWAY
        self._crowd = crowd
        self._ask_again_s = ask_again_s
        self._late_s = STAGGER_S * int(counter)  # nobody comes at the same second as another, or all would press at once
        self._pending = ""  # the key that is on its way
        self._since = 0.0
        self._ticket = ""  # the one in hand, or the last one
        self._done_at = 0.0
        self._recalled = False
        self._paused = False  # whether the branch holds this counter for paused

    def step(self, now: float, shown: str) -> str:
        """The key to press now, empty for none; no further one until `pressed` has told what became of it."""
        if self._pending:
            return ""
        self._pending = self._decide(now, shown)
        return self._pending

    def pressed(self, now: float, *, committed: bool) -> None:
        """What became of the key: taken (its echo was heard), or given up, after which the agent decides anew."""
        key, self._pending = self._pending, ""
        if committed:
            self._since = now
            self._after(key, now)

    def _decide(self, now: float, shown: str) -> str:
        match self.stage:
            case Stage.AWAY | Stage.FREE:
                return self._when_free(now)
            case Stage.ASKING:
                return self._when_asking(now, shown)
            case Stage.CALLING:
                return self._when_calling(now, shown)
            case Stage.SERVING:
                return self._when_serving(now)
            case Stage.RATING:
                return self._when_done(now) if now >= self._done_at + _RATED_AFTER_S else ""

    def _works(self, now: float) -> bool:
        t = now - self._late_s
        late = CLOSES_H <= hour_of(t) < CLOSES_H + 1
        return on_shift(self.counter, t) and (not late or bool(self._crowd.waiting()))

    def _when_free(self, now: float) -> str:
        if not self._works(now):
            return "pause" if self.stage is Stage.FREE else ""
        return "pause" if self._paused else "next"

    def _when_asking(self, now: float, shown: str) -> str:
        if shown and (shown != self._ticket or self._crowd.is_waiting(shown)):
            self.stage, self._ticket, self._since, self._recalled = Stage.CALLING, shown, now, False
            return ""
        if now - self._since < self._ask_again_s:
            return ""
        if not self._works(now):
            return "pause"
        return "next" if self._crowd.waits_for(self.services) else ""

    def _when_calling(self, now: float, shown: str) -> str:
        if shown and shown != self._ticket:  # the branch has decided otherwise
            self._ticket, self._since, self._recalled = shown, now, False
        if self._crowd.stands_at(self.counter, self._ticket):
            return "confirm"
        if not self._recalled:
            return "recall" if now - self._since >= _RECALL_AFTER_S else ""
        return "no_show" if now - self._since >= _NO_SHOW_AFTER_S - _RECALL_AFTER_S else ""

    def _when_serving(self, now: float) -> str:
        if now < self._done_at:
            return ""
        visit = self._crowd.stands_at(self.counter, self._ticket)
        return "ask_rating" if visit and visit.customer.rating else self._when_done(now)

    def _when_done(self, now: float) -> str:
        visit = self._crowd.stands_at(self.counter, self._ticket)
        if visit and visit.customer.transferred and len(self.services) > 1 and visit.service == self.services[0]:
            return "transfer"
        return "next" if self._works(now) else "pause"

    def _after(self, key: str, now: float) -> None:
        match key:
            case "next" | "pause":
                self._crowd.finished(self._ticket, now)
                paused_again = key == "pause" and self._paused
                self._paused = key == "pause" and not self._paused
                self.stage = Stage.ASKING if key == "next" else Stage.FREE if paused_again else Stage.AWAY
            case "recall":
                self._recalled = True
            case "confirm":
                self._done_at, self.stage = self._crowd.begun(self._ticket, now), Stage.SERVING
            case "no_show":
                self._crowd.passed_over(self._ticket, now)
                self.stage = Stage.FREE
            case "ask_rating":
                self._done_at, self.stage = now, Stage.RATING
            case "transfer":
                self._crowd.sent_back(self._ticket, self.services[1], now)
                self.stage = Stage.FREE

    def rating_given(self) -> int | None:
        """What the customer at the counter presses at the evaluator, once, when asked."""
        visit = self._crowd.stands_at(self.counter, self._ticket) if self.stage is Stage.RATING else None
        return visit.customer.rating if visit else None
