"""Statements that both databases understand; `?` stands for a value, `:list` for a list of sequences."""

from __future__ import annotations

from typing import Final

_BODY: Final = "e.type, e.v, e.t, CAST(e.data AS text) FROM"
_OF_NOW: Final = "e.branch = r.branch AND e.epoch = r.epoch AND e.lane = r.lane AND e.sequence = r.sequence"
_OF_FIRST: Final = "e.branch = r.branch AND e.epoch = r.was_epoch AND e.lane = r.lane AND e.sequence = r.was_sequence"

BODIES: Final = (
    # under the key itself
    f"SELECT e.sequence, {_BODY} event e WHERE e.branch = ? AND e.epoch = ? AND e.lane = ? AND e.sequence IN (:list)",
    # under the number that the same event had first
    f"SELECT r.sequence, {_BODY} renumbered r JOIN event e ON {_OF_FIRST}"
    " WHERE r.branch = ? AND r.epoch = ? AND r.lane = ? AND r.sequence IN (:list)",
    # under a later number of an event that had this key first
    f"SELECT r.was_sequence, {_BODY} renumbered r JOIN event e ON {_OF_NOW}"
    " WHERE r.branch = ? AND r.was_epoch = ? AND r.lane = ? AND r.was_sequence IN (:list)",
    # under another number of an event that had the same number first
    f"SELECT n.sequence, {_BODY} renumbered n JOIN renumbered r ON r.branch = n.branch AND r.was_epoch = n.was_epoch"
    f" AND r.lane = n.lane AND r.was_sequence = n.was_sequence JOIN event e ON {_OF_NOW}"
    " WHERE n.branch = ? AND n.epoch = ? AND n.lane = ? AND n.sequence IN (:list)",
)
MARKS: Final = "SELECT branch, epoch, lane, up_to, ahead, disputed, succeeded FROM watermark WHERE branch = ? AND epoch = ?"
SAVE_MARK: Final = (
    "INSERT INTO watermark (branch, epoch, lane, up_to, ahead, disputed, succeeded) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (branch, epoch, lane) DO UPDATE SET up_to = excluded.up_to, ahead = excluded.ahead,"
    " disputed = excluded.disputed, succeeded = excluded.succeeded"
)
RENUMBERED: Final = (
    "INSERT INTO renumbered (branch, epoch, lane, sequence, was_epoch, was_sequence) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
HEARD: Final = (
    "INSERT INTO branch (id, first_heard, last_heard, last_t, epoch, events) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET last_heard = excluded.last_heard, epoch = excluded.epoch, events = branch.events + excluded.events,"
    " last_t = CASE WHEN excluded.last_t > coalesce(branch.last_t, '') THEN excluded.last_t ELSE branch.last_t END"
)
FIGURE: Final = (
    "INSERT INTO figure (branch, day, name, value) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (branch, day, name) DO UPDATE SET value = figure.value + excluded.value"
)
REFUSE: Final = (
    "INSERT INTO refused (digest, branch, reason, epoch, lane, sequence, payload, times, first_at, last_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET times = refused.times + 1, last_at = excluded.last_at"
)
FORGET_REFUSED: Final = "DELETE FROM refused WHERE digest IN (SELECT digest FROM refused ORDER BY last_at DESC, digest LIMIT 1000 OFFSET ?)"
FACTS: Final = "SELECT name, value FROM fact"
SAVE_FACT: Final = "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
BRANCHES: Final = (
    "SELECT b.id, b.first_heard, b.last_heard, b.last_t, b.epoch, b.events, coalesce(r.times, 0) FROM branch b"
    " LEFT JOIN (SELECT branch, sum(times) AS times FROM refused GROUP BY branch) r ON r.branch = b.id ORDER BY b.id"
)
LANES: Final = (
    "SELECT w.branch, w.epoch, w.lane, w.up_to, w.ahead, w.disputed FROM watermark w JOIN branch b ON b.id = w.branch AND b.epoch = w.epoch"
)
TODAY: Final = "SELECT f.branch, f.name, f.value FROM figure f JOIN branch b ON b.id = f.branch AND f.day = substr(b.last_t, 1, 10)"
