"""Ledger: whatever order the devices are done in, each message is acknowledged once, in order of arrival, after all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.links.ledger import Entry, Ledger


@given(st.lists(st.integers(0, 3), max_size=30), st.randoms())
def test_in_order_of_arrival_and_after_all_are_done(waiting: list[int], random: object) -> None:
    sent: list[int] = []
    ledger = Ledger(sent.append)
    entries = [ledger.arrived(mid, count) for mid, count in enumerate(waiting)]
    to_do: list[Entry] = [entry for entry in entries for _ in range(entry.waiting)]
    random.shuffle(to_do)  # type: ignore[attr-defined]
    left = {entry.mid: entry.waiting for entry in entries}
    for entry in to_do:
        ledger.done(entry)
        left[entry.mid] -= 1
        done_head = next((mid for mid in range(len(waiting)) if left[mid]), len(waiting))
        assert sent == list(range(done_head))
    assert sent == list(range(len(waiting)))
    assert len(ledger) == 0


def test_what_nobody_wants_waits_its_turn() -> None:
    sent: list[int] = []
    ledger = Ledger(sent.append)
    first = ledger.arrived(7, 1)
    ledger.arrived(3, 0)
    assert sent == []
    ledger.done(first)
    assert sent == [7, 3]
