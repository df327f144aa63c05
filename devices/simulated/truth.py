"""The truth of a simulated branch: what really happened, to be compared with what the daemon made of it."""

from __future__ import annotations

import msgspec

from devices.simulated.crowd import Visit


class Issued(msgspec.Struct):
    """A ticket that the machine gave out; `acknowledged`: the host has said that it is kept."""

    ticket: str
    service: str
    class_: str
    t: float
    acknowledged: bool = False


class Press(msgspec.Struct, frozen=True):
    """A key whose echo was heard: `t` when it was pressed, `echoed` when its echo came (unix seconds)."""

    counter: str
    key: str
    t: float
    echoed: float


class Rating(msgspec.Struct, frozen=True):
    """A rating that was answered."""

    counter: str
    rating: int
    t: float


class Finished(msgspec.Struct, frozen=True):
    """A customer who has gone; times are unix seconds, None where it did not happen."""

    ticket: str
    service: str | None
    class_: str
    outcome: str  # served | abandoned | terminal
    counter: str
    issued_at: float | None
    called_at: float | None
    started_at: float | None
    finished_at: float | None

    @property
    def wait_s(self) -> float | None:
        """From the ticket to the first call."""
        return None if self.issued_at is None or self.called_at is None else self.called_at - self.issued_at


class TerminalFault(msgspec.Struct, frozen=True):
    """A terminal broke (or, with no faults left, was well again)."""

    terminal: str
    faults: tuple[str, ...]
    t: float


class Obeyed(msgspec.Struct, frozen=True):
    """What the plant or a terminal was told and took."""

    device: str
    quantity: str
    value: float | str | bool
    t: float


class Truth(msgspec.Struct):
    """Everything so far; `people` is now, by zone, customers only."""

    tickets: list[Issued] = []
    presses: list[Press] = []
    presses_given_up: int = 0
    ratings: list[Rating] = []
    door_in: int = 0
    door_out: int = 0
    people: dict[str, int] = {}
    finished: list[Finished] = []
    terminal_faults: list[TerminalFault] = []
    commands: list[Obeyed] = []
    appointments: list[str] = []
    checked_in: list[str] = []

    @property
    def inside(self) -> int:
        """People inside now."""
        return self.door_in - self.door_out


def finished(visit: Visit) -> Finished:
    """What is kept of a visit that is over."""
    return Finished(
        ticket=visit.ticket,
        service=visit.service,
        class_=visit.customer.class_,
        outcome=visit.outcome,
        counter=visit.counter,
        issued_at=visit.issued_at,
        called_at=visit.called_at,
        started_at=visit.started_at,
        finished_at=visit.finished_at,
    )
