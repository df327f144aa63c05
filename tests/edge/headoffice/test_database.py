"""Both databases keep the books alike: once, in any cut and order, over a restart, and whatever stands in the strings."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from edge.event import Lane
from edge.headoffice.books import Answer, Received, SetAside
from edge.headoffice.database import Database, DatabaseError, open_database
from edge.uplink.envelope import Ack, Batch, Gone, Refused, Resend, WireEvent

Opened = Callable[[], Database]
AT = "2026-11-24T01:31:06.000+00:00"
SQL = "'); DROP TABLE event; --"


def event(number: int, type_: str = "ticket.issued", was: tuple[str, int] | None = None, **data: object) -> WireEvent:
    raw = msgspec.Raw(msgspec.json.encode({"number": number, **data}))
    return WireEvent(type_, 1, "2026-11-24T09:31:05.000+08:00", raw, was)


def batch(first: int, *events: WireEvent, epoch: str = "e1", lane: Lane = Lane.BUSINESS, branch: str = "nanjing-road") -> Received:
    return Received(branch, Batch(epoch, lane, first, events), AT)


def numbered(first: int, last: int, epoch: str = "e1") -> Received:
    return batch(first, *(event(n) for n in range(first, last + 1)), epoch=epoch)


def says(answers: Sequence[Answer], kind: type) -> list[object]:
    return [answer.says for answer in answers if isinstance(answer.says, kind)]


def acks(answers: Sequence[Answer]) -> list[int]:
    return [said.up_to for said in says(answers, Ack) if isinstance(said, Ack)]


def events_of(database: Database) -> int:
    return sum(state.events for state in database.branches())


def test_takes_batches_once_and_up_to_the_first_gap(open_again: Opened) -> None:
    database = open_again()
    assert acks(database.take([numbered(1, 3)], [])) == [3]
    answers = database.take([numbered(6, 8)], [])
    assert acks(answers) == [3]
    assert says(answers, Resend) == [Resend("e1", Lane.BUSINESS, 4, 5, database.generation)]
    assert acks(database.take([numbered(2, 6)], [])) == [8]
    assert acks(database.take([numbered(1, 8), numbered(8, 9)], [])) == [9]
    (state,) = database.branches()
    assert state.events == 9
    assert state.figures == {"events": 9, "tickets": 9}
    assert [(lane.up_to, lane.ahead) for lane in state.lanes] == [(9, ())]


def test_the_books_hold_over_a_restart_under_the_same_generation(open_again: Opened) -> None:
    before = open_again()
    before.take([numbered(1, 5), numbered(8, 9)], [])
    before.close()
    after = open_again()
    assert after.generation == before.generation
    assert acks(after.take([numbered(3, 7)], [])) == [9]
    assert events_of(after) == 9


def test_another_body_closes_the_epoch_and_is_kept_aside(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 5)], [])
    answers = database.take([batch(5, event(50), event(51))], [])
    assert says(answers, Refused) == [Refused("e1", Lane.BUSINESS, 5, "held with another body")]
    assert not acks(answers)
    for again in (numbered(6, 7), batch(1, event(1), lane=Lane.ALARM)):
        answers = database.take([again], [])
        assert not acks(answers)
        assert len(says(answers, Refused)) == 1
    (state,) = database.branches()
    assert (state.events, state.refused) == (5, 1)


def test_the_same_said_otherwise_is_no_other_body(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 1)], [])
    otherwise = WireEvent("ticket.issued", 1, "2026-11-24T01:31:05Z", msgspec.Raw(b'{ "number" : 1 }'))
    assert acks(database.take([batch(1, otherwise)], [])) == [1]


def test_a_later_epoch_brings_only_what_is_not_there(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 3)], [])
    again = [event(3, was=("e1", 3)), event(4, was=("e1", 4)), event(5)]
    assert acks(database.take([batch(1, *again, epoch="e2")], [])) == [3]
    assert events_of(database) == 5
    database.take([numbered(4, 4)], [])  # late, under its first number
    third = [event(4, was=("e1", 4)), event(5, was=("e2", 3))]
    database.take([batch(1, *third, epoch="e3")], [])
    assert events_of(database) == 5


def test_another_body_under_the_first_number_is_another_event(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 3)], [])
    database.take([batch(1, event(30, was=("e1", 3)), epoch="e2")], [])
    assert events_of(database) == 4


def test_gone_closes_a_gap(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 2), numbered(6, 7)], [])
    assert acks(database.take([Received("nanjing-road", Gone("e1", Lane.BUSINESS, 3, 3), AT)], [])) == [7]


def test_an_empty_batch_asks_and_is_answered_with_its_number(open_again: Opened) -> None:
    database = open_again()
    database.take([numbered(1, 2), numbered(5, 6)], [])
    (answer, gap) = database.take([Received("nanjing-road", Batch("e1", Lane.BUSINESS, 7, (), 42), AT)], [])
    assert answer.says == Ack("e1", Lane.BUSINESS, 2, database.generation, 6, 42)
    assert isinstance(gap.says, Resend)
    (first,) = database.take([Received("new", Batch("e9", Lane.BULK, 1, ()), AT)], [])
    assert first.says == Ack("e9", Lane.BULK, 0, database.generation, 0, 0)


def test_strings_are_strings(open_again: Opened) -> None:
    database = open_again()
    odd = [event(1, text=SQL), event(2, text="\0 \n \t \\N \\. 中文 😀"), event(3, text='"' * 100)]
    assert acks(database.take([batch(1, *odd)], [SetAside("x", SQL, b"\0\xff", SQL, SQL, 1)])) == [3]
    assert acks(database.take([batch(1, *odd)], [])) == [3]  # and they come back as they went in


def test_chance_orders_cuts_and_repeats_change_nothing(open_again: Opened) -> None:
    database, chance = open_again(), random.Random(7)
    pieces = [numbered(first, min(first + chance.randint(0, 20), 200)) for first in range(1, 201, 5)]
    pieces += chance.choices(pieces, k=20)
    chance.shuffle(pieces)
    while pieces:
        group = [pieces.pop() for _ in range(min(len(pieces), chance.randint(1, 6)))]
        database.take(group, [])
    database.take([numbered(1, 200)], [])
    (state,) = database.branches()
    assert state.events == 200
    assert state.lanes[0].up_to == 200


def test_figures_count_on_arrival_also_what_comes_late(open_again: Opened) -> None:
    database = open_again()
    rows = [
        event(1, "ticket.called", wait_s=120.4),
        event(2, "ticket.called", wait_s=60),
        event(3, "door.crossed", direction="in", people=2),
        event(4, "door.crossed", direction=7),
        event(5, "ticket.abandoned"),
    ]
    database.take([batch(2, *rows[1:]), batch(1, rows[0])], [])
    assert database.branches()[0].figures == {"events": 5, "waits": 2, "wait_s": 180, "door_in": 2, "abandoned": 1}


def test_a_restored_copy_is_another_generation(tmp_path: Path) -> None:
    first = open_database("sqlite:///hq.db", tmp_path)
    first.take([numbered(1, 3)], [])
    first.close()
    open_database("sqlite:///hq.db", tmp_path).close()  # its marker counts what it has now
    backup = (tmp_path / "hq.db").read_bytes()
    later = open_database("sqlite:///hq.db", tmp_path)
    later.take([numbered(4, 9)], [])
    later.close()
    open_database("sqlite:///hq.db", tmp_path).close()
    for rest in ("hq.db-wal", "hq.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    (tmp_path / "hq.db").write_bytes(backup)
    restored = open_database("sqlite:///hq.db", tmp_path)
    assert restored.generation != first.generation
    (answer, *_) = restored.take([Received("nanjing-road", Batch("e1", Lane.BUSINESS, 10, ()), AT)], [])
    assert isinstance(answer.says, Ack)
    assert answer.says.up_to == 3
    restored.close()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "hq.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        open_database("sqlite:///hq.db", tmp_path)
    with pytest.raises(DatabaseError, match="none that is known"):
        open_database("mysql://x", tmp_path)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        open_database("postgresql:///nothing?host=/nowhere", tmp_path)


def test_a_reader_beside_it_sees_committed_events(tmp_path: Path) -> None:
    database = open_database("sqlite:///hq.db", tmp_path)
    database.take([numbered(1, 3)], [])
    with sqlite3.connect(tmp_path / "hq.db") as reader:
        rows = reader.execute("SELECT branch, epoch, lane, sequence, type, t, data, received_at FROM event ORDER BY sequence").fetchall()
    reader.close()
    assert rows[0] == ("nanjing-road", "e1", "business", 1, "ticket.issued", "2026-11-24T09:31:05.000+08:00", '{"number":1}', AT)
    database.close()
