"""Intake: a database that fails is waited for, and one message that it never takes does not hold up the rest."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence

import pytest

from edge.event import Lane
from edge.headoffice.books import Answer, Received, SetAside
from edge.headoffice.database import BranchState, DatabaseError, RejectedError
from edge.headoffice.intake import Intake
from edge.uplink.envelope import Ack, Batch, Resend, events_message, topic
from edge.uplink.envelope import Channel as Line

EVENT = b'{"type":"ticket.issued","v":1,"t":"2026-11-24T09:31:05+08:00","data":{}}'


class FakeDatabase:
    """Takes all but what begins at `poison`, after it has failed `failures` times."""

    generation = "g"

    def __init__(self) -> None:
        self.failures, self.poison = 0, 0
        self.taken: list[int] = []
        self.aside: list[SetAside] = []

    def take(self, received: Sequence[Received], aside: Sequence[SetAside]) -> list[Answer]:
        if self.failures:
            self.failures -= 1
            raise DatabaseError("the disk is full")
        if any(entry.said.first == self.poison for entry in received):
            raise RejectedError("never")
        self.taken += [entry.said.first for entry in received]
        self.aside += aside
        acks = [Answer(entry.branch, Ack("e", Lane.BUSINESS, entry.said.first, "g")) for entry in received if isinstance(entry.said, Batch)]
        return [*acks, Answer("b", Resend("e", Lane.BUSINESS, 1, 2, "g"))]

    def branches(self) -> list[BranchState]:
        return []

    def close(self) -> None: ...


class Running:
    """An intake with its fake database, and what it answers."""

    def __init__(self) -> None:
        self.database = FakeDatabase()
        self.intake = Intake(self.database, 3)
        self.answers: queue.Queue[Sequence[Answer]] = queue.Queue()
        self.told: list[int] = []

    def start(self) -> None:
        self.intake.start(taken=self.told.extend, answered=self.answers.put)

    def put(self, first: int, branch: str = "nanjing-road") -> bool:
        return self.intake.put(topic(branch, Line.EVENTS), events_message("e", Lane.BUSINESS, first, [EVENT]), first)

    def acknowledged(self, number: int) -> list[int]:
        """The first `number` acknowledgements, in order of sequence."""
        found: list[int] = []
        while len(found) < number:
            found += [answer.says.up_to for answer in self.answers.get(timeout=10) if isinstance(answer.says, Ack)]
        return sorted(found)


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.intake.stop()


def test_waits_for_the_database_and_says_why(running: Running) -> None:
    running.database.failures = 1
    running.start()
    running.put(1)
    assert running.acknowledged(1) == [1]
    assert running.intake.problem is None
    assert running.told == [1]


def test_one_message_that_is_never_taken_holds_up_nothing(running: Running) -> None:
    running.database.poison = 4
    for first in range(1, 9):
        running.put(first)
    running.start()
    assert running.acknowledged(7) == [1, 2, 3, 5, 6, 7, 8]
    (aside,) = running.database.aside
    assert aside.reason == "rejected by the database: never"
    assert b"ticket.issued" in aside.payload


def test_branches_beyond_the_limit_are_set_aside(running: Running) -> None:
    for number in range(1, 6):
        running.put(number, f"branch-{number}")
    running.put(9, "branch-1")
    running.start()
    assert running.acknowledged(4) == [1, 2, 3, 9]
    assert [aside.reason for aside in running.database.aside] == ["more than 3 branches"] * 2


def test_the_same_gap_is_asked_for_once_in_a_while(running: Running) -> None:
    running.start()
    resends = 0
    for first in range(1, 5):
        running.put(first)
        resends += sum(isinstance(answer.says, Resend) for answer in running.answers.get(timeout=10))
    assert resends == 1


def test_is_bounded_and_never_waits(running: Running) -> None:
    assert sum(running.put(first) for first in range(1, 2_101)) == 2_000
    assert running.intake.counts["given_up"] == 100
