"""What happens among the customers and staff of a simulated branch: small records that the devices carry to their wires."""

from __future__ import annotations

import msgspec


class Crossed(msgspec.Struct, frozen=True):
    """People went through the door."""

    t: float
    direction: str  # in | out
    people: int


class AppointmentMade(msgspec.Struct, frozen=True):
    """An appointment stands in the desk's book; `from_` and `until` are unix seconds."""

    t: float
    id: str
    service: str
    from_: float
    until: float


class CheckedIn(msgspec.Struct, frozen=True):
    """A customer with an appointment said so at the desk."""

    t: float
    id: str


class TicketWanted(msgspec.Struct, frozen=True):
    """Visitor `visitor` stands at the ticket machine."""

    t: float
    visitor: int
    service: str
    class_: str


class KeyPressed(msgspec.Struct, frozen=True):
    """An agent pressed a key of the caller."""

    t: float
    counter: str
    key: str


class Rated(msgspec.Struct, frozen=True):
    """A customer pressed 1 to 5 at the evaluator."""

    t: float
    counter: str
    rating: int


class TerminalUsed(msgspec.Struct, frozen=True):
    """A customer has used a terminal."""

    t: float
    terminal: str


Happening = Crossed | AppointmentMade | CheckedIn | TicketWanted | KeyPressed | Rated | TerminalUsed
