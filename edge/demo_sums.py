"""The demo's sums: what the branch's store and head office hold, beside what really happened."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec

from devices.simulated.truth import Truth
from edge.store.schema import FILE_NAME, connect

_KEY: Final = "epoch, lane, sequence"
_PEOPLE_IN: Final = (
    "SELECT coalesce(sum(json_extract(data, '$.people')), 0) FROM event"
    " WHERE type = 'door.crossed' AND json_extract(data, '$.direction') = 'in'"
)


class Sums(msgspec.Struct, frozen=True):
    """What came of a demo; counts over its whole time, `_truth` what the simulated hardware knows.

    `camera_in` are those whom the overhead camera saw come in, None where it was left out.
    """

    events: int
    acknowledged: int
    waiting: int
    lost: int
    duplicated: int
    tickets: int
    tickets_truth: int
    door_in: int
    door_in_truth: int
    ratings: int
    ratings_truth: int
    served_truth: int
    start_s: float
    peak_rss_mb: float
    camera_in: int | None
    settled: bool

    def told(self) -> str:
        """The sums for people."""
        return "\n".join(
            (
                f"events       {self.events} kept, {self.acknowledged} acknowledged, {self.waiting} waiting",
                f"             {self.lost} lost, {self.duplicated} twice",
                f"tickets      {self.tickets} of {self.tickets_truth}",
                f"people in    {self.door_in} of {self.door_in_truth}",
                f"ratings      {self.ratings} of {self.ratings_truth}",
                f"by camera    {'left out' if self.camera_in is None else f'{self.camera_in} of {self.door_in_truth}'}",
                f"start        {self.start_s} s to the first reading",
                f"peak memory  {self.peak_rss_mb} MB",
            )
        )


def sums(folder: Path, truth: Truth, *, start_s: float, peak_rss_mb: float, camera_in: int | None, settled: bool) -> Sums:
    """Count in both databases once everything has stopped. Blocks on the disk."""
    branch = connect(folder / "store" / FILE_NAME, read_only=True)
    office = connect(folder / "headoffice.db", read_only=True)
    try:
        kept, there, waiting = _keys(branch), _keys(office), _waiting(branch)
        types = Counter(dict(branch.execute("SELECT type, count(*) FROM event GROUP BY type")))
        acknowledged = int(branch.execute("SELECT coalesce(sum(acknowledged), 0) FROM line").fetchone()[0])
        door_in = branch.execute(_PEOPLE_IN).fetchone()[0]
        duplicated = _twice(office)
    finally:
        branch.close()
        office.close()
    return Sums(
        events=len(kept),
        acknowledged=acknowledged,
        waiting=len(waiting),
        lost=len(kept - there - waiting) + max(0, sum(t.acknowledged for t in truth.tickets) - types["ticket.issued"]),
        duplicated=duplicated + len(there - kept) + max(0, types["ticket.issued"] - len(truth.tickets)),
        tickets=types["ticket.issued"],
        tickets_truth=len(truth.tickets),
        door_in=int(door_in),
        door_in_truth=truth.door_in,
        ratings=types["rating.given"],
        ratings_truth=len(truth.ratings),
        served_truth=sum(one.outcome == "served" for one in truth.finished),
        start_s=start_s,
        peak_rss_mb=peak_rss_mb,
        camera_in=camera_in,
        settled=settled,
    )


def _keys(connection: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return set(connection.execute(f"SELECT {_KEY} FROM event"))  # noqa: S608 (names only)


def _waiting(branch: sqlite3.Connection) -> set[tuple[Any, ...]]:
    """What stands in the outbox, to be sent when the daemon runs again."""
    marks = "SELECT 1 FROM line WHERE line.epoch = event.epoch AND line.lane = event.lane AND line.acknowledged >= event.sequence"
    return set(branch.execute(f"SELECT {_KEY} FROM event WHERE NOT EXISTS ({marks})"))  # noqa: S608 (names only)


def _twice(office: sqlite3.Connection) -> int:
    """Tickets that head office holds under two keys: a ticket's name is its own within its day."""
    return int(
        office.execute(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM event WHERE type = 'ticket.issued'"
            " GROUP BY branch, substr(t, 1, 10), json_extract(data, '$.ticket') HAVING n > 1)"
        ).fetchone()[0]
    )
