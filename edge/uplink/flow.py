"""Flow: what a lane sends next and what an answer of head office means; pure, durations in seconds of the loop's clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from edge.event import Lane
from edge.uplink.envelope import Ack

BATCH: Final = 500  # events in a message at most
WINDOW: Final = 8 * BATCH  # events on the way and not acknowledged
GATHER_S: Final = 0.05  # how long a small batch waits for company while others are on the way
PATIENCE_S: Final = 5.0  # without progress for so long: send again
LONGEST_PATIENCE_S: Final = 30.0  # so long after head office is back, the last edge has noticed
ASK_S: Final = 1.0  # an unanswered question is repeated after so long, then after twice that, …
IDLE_ASK_S: Final = 300.0  # a lane with nothing to send asks so often how far head office is
REPAIR_S: Final = 2.0  # the same missing range is sent again at most so often
_MOST_REPAIRS: Final = 16
_REPAIR: Final = 4 * BATCH  # events of one request that are sent again at once; head office asks for the rest


class Mode(StrEnum):
    """How sure the edge is of what head office holds."""

    ASKING = "asking"  # just connected: an empty batch asks how far head office is
    VERIFYING = "verifying"  # head office holds what this process has not sent: sent once more, one batch at a time
    STREAMING = "streaming"


class Verdict(StrEnum):
    """What an acknowledgement means for the store."""

    NOTHING = "nothing"
    PROGRESS = "progress"
    BEHIND = "behind"  # head office was restored from an older copy: it is sent what it lacks
    FOREIGN = "foreign"  # it holds more than there is here: this store was restored, and needs a new epoch


class LaneFlow(msgspec.Struct, frozen=True):
    """Where a lane stands; sequences as in the outbox, times on the loop's clock."""

    mark: int  # up to here head office holds the lane, as far as is known
    sent: int  # up to here it went out since the last going back
    furthest: int  # up to here this process ever sent it in this epoch
    mode: Mode = Mode.ASKING
    verify_to: int = 0  # while the mark is below, what was sent proves nothing until it was compared
    generation: str = ""
    patience_s: float = ASK_S
    since: float = 0.0  # when the mark last moved, or sending began with nothing on the way
    asked: float | None = None  # when head office was asked how far it is
    number: int = 0  # of the last question; what answers another is an answer of before, perhaps to another life of this store
    last_sent: float = 0.0
    repairs: tuple[tuple[int, int], ...] = ()
    repaired: tuple[tuple[int, float], ...] = ()  # first sequence of a range sent again, and when
    stalls: int = 0  # how often patience ended since the mark last moved


class Ask(msgspec.Struct, frozen=True):
    """Send an empty batch from `first` on, with a new number as its `ask`."""

    first: int


class Send(msgspec.Struct, frozen=True):
    """Send `first` to `last` (at most a batch), as far as they fit into a message; `asks`: with a new number."""

    first: int
    last: int
    repair: bool = False
    asks: bool = False


def begin(acknowledged: int) -> LaneFlow:
    """A lane of a process that has just started, or of a new epoch."""
    return LaneFlow(acknowledged, acknowledged, acknowledged)


def connected(flow: LaneFlow, now: float) -> LaneFlow:
    """The line is there (again): what was on the way may be lost, and head office may be another than before."""
    return msgspec.structs.replace(flow, mode=Mode.ASKING, sent=flow.mark, asked=None, since=now, repairs=(), patience_s=ASK_S)


def due(flow: LaneFlow, highest: int, now: float) -> Ask | Send | None:
    """What goes out now, if anything; `highest` is the last sequence that is committed here."""
    if flow.mode is Mode.ASKING:
        return Ask(highest + 1) if flow.asked is None or now - flow.asked >= flow.patience_s else None
    if flow.repairs:
        first, last = flow.repairs[0]
        return Send(first, min(last, first + BATCH - 1), repair=True)
    if flow.mode is Mode.VERIFYING:
        return Send(flow.mark + 1, min(flow.verify_to, flow.mark + BATCH), asks=True) if flow.sent == flow.mark else None
    waiting, on_the_way = highest - flow.sent, flow.sent - flow.mark
    if waiting <= 0:
        idle = on_the_way <= 0 and now - max(flow.since, flow.last_sent, flow.asked or 0.0) >= IDLE_ASK_S
        return Ask(highest + 1) if idle else None
    room = _window(flow) - on_the_way
    if room <= 0 or (waiting < BATCH and on_the_way and now - flow.last_sent < GATHER_S):
        return None
    return Send(flow.sent + 1, flow.sent + min(waiting, room, BATCH))


def wakes_at(flow: LaneFlow, highest: int) -> float:
    """When `due` or `impatient` may next say something other, if nothing happens meanwhile."""
    if flow.mode is Mode.ASKING:
        return (flow.asked if flow.asked is not None else flow.since) + flow.patience_s
    times = [flow.since + flow.patience_s] if flow.sent > flow.mark else []
    if flow.mode is Mode.STREAMING and highest > flow.sent and _window(flow) > flow.sent - flow.mark:
        times.append(flow.last_sent + GATHER_S)
    return min(times, default=max(flow.since, flow.last_sent, flow.asked or 0.0) + IDLE_ASK_S)


def asked(flow: LaneFlow, number: int, now: float) -> LaneFlow:
    """The question of that number went out; the next waits longer."""
    patience_s = flow.patience_s if flow.asked is None else min(2 * flow.patience_s, LONGEST_PATIENCE_S)
    stalls = flow.stalls + (flow.mode is Mode.ASKING and flow.asked is not None)
    return msgspec.structs.replace(flow, asked=now, number=number, patience_s=patience_s, stalls=stalls)


def sent(flow: LaneFlow, send: Send, last: int, number: int, now: float) -> LaneFlow:
    """`send.first` to `last` went out (`last` may be less than was due: what fitted), with that number if it asks."""
    if send.repair:
        _, end = flow.repairs[0] if flow.repairs else (0, 0)
        rest = ((last + 1, end),) if last < end else ()
        return msgspec.structs.replace(flow, repairs=rest + flow.repairs[1:], last_sent=now, furthest=max(flow.furthest, last))
    since = now if flow.sent <= flow.mark else flow.since
    return msgspec.structs.replace(flow, sent=last, number=number, furthest=max(flow.furthest, last), since=since, last_sent=now)


def impatient(flow: LaneFlow, now: float) -> LaneFlow | None:
    """The lane gone back to its mark, when that has not moved for too long although more was sent; None: wait on.

    Only progress counts: an answer that repeats the mark does not put it off.
    """
    if flow.mode is Mode.ASKING or flow.sent <= flow.mark or now - flow.since < flow.patience_s:
        return None
    patience_s = min(2 * flow.patience_s, LONGEST_PATIENCE_S)
    return msgspec.structs.replace(flow, sent=flow.mark, since=now, patience_s=patience_s, stalls=flow.stalls + 1)


def acknowledged(flow: LaneFlow, ack: Ack, highest: int, now: float) -> tuple[LaneFlow, Verdict]:
    """What `ack` says about the lane, whose highest committed sequence here is `highest`.

    What this process has not sent is not taken as acknowledged: a store restored from a backup may have given those
    numbers to other events. They are sent first, and head office compares.
    """
    up_to, there = ack.up_to, max(ack.up_to, ack.held)
    if flow.mode is not Mode.STREAMING and ack.answers != flow.number:
        return flow, Verdict.NOTHING
    if there > highest:
        return flow, Verdict.FOREIGN
    other_life = ack.generation != flow.generation
    known = msgspec.structs.replace(flow, generation=ack.generation)
    if up_to < flow.mark and (other_life or flow.mode is Mode.ASKING):
        return _streaming(known, up_to, now), Verdict.BEHIND
    if flow.mode is Mode.VERIFYING:
        return _verified(known, min(up_to, flow.sent), now)
    if there > flow.furthest or flow.mark < min(flow.verify_to, there):
        return _verifying(known, max(there, flow.verify_to), now), Verdict.NOTHING
    after = _streaming(known, up_to, now) if flow.mode is Mode.ASKING else _moved(known, up_to, now) if up_to > flow.mark else known
    return after, Verdict.PROGRESS if up_to > flow.mark else Verdict.NOTHING


def other_life(flows: Mapping[Lane, LaneFlow], generation: str, now: float) -> dict[Lane, LaneFlow]:
    """The lanes when an answer is of `generation`: those that knew another ask how far head office is."""
    return {lane: connected(flow, now) if flow.generation not in {"", generation} else flow for lane, flow in flows.items()}


def asked_again(flow: LaneFlow, first: int, last: int, highest: int, now: float) -> LaneFlow:
    """Head office lacks `first` to `last`; the same range is not repeated within `REPAIR_S`."""
    last = min(last, highest, first + _REPAIR - 1)
    recent = tuple((start, at) for start, at in flow.repaired if now - at < REPAIR_S)
    if flow.mode is not Mode.STREAMING or first > last or len(flow.repairs) >= _MOST_REPAIRS or any(start == first for start, _ in recent):
        return msgspec.structs.replace(flow, repaired=recent)
    return msgspec.structs.replace(flow, repairs=(*flow.repairs, (first, last)), repaired=(*recent, (first, now)))


def _window(flow: LaneFlow) -> int:
    """Events that may be on the way; after a stall one batch, until the mark moves again."""
    return BATCH if flow.stalls else WINDOW


def _streaming(flow: LaneFlow, up_to: int, now: float) -> LaneFlow:
    return msgspec.structs.replace(flow, mark=up_to, sent=up_to, mode=Mode.STREAMING, since=now, patience_s=PATIENCE_S, asked=now, stalls=0)


def _verifying(flow: LaneFlow, up_to: int, now: float) -> LaneFlow:
    return msgspec.structs.replace(flow, sent=flow.mark, mode=Mode.VERIFYING, verify_to=up_to, since=now, patience_s=PATIENCE_S, asked=now)


def _verified(flow: LaneFlow, up_to: int, now: float) -> tuple[LaneFlow, Verdict]:
    if up_to <= flow.mark:
        return flow, Verdict.NOTHING
    moved = _moved(flow, up_to, now)
    mode = Mode.STREAMING if up_to >= flow.verify_to else Mode.VERIFYING
    return msgspec.structs.replace(moved, mode=mode, sent=up_to), Verdict.PROGRESS


def _moved(flow: LaneFlow, up_to: int, now: float) -> LaneFlow:
    return msgspec.structs.replace(flow, mark=up_to, sent=max(flow.sent, up_to), since=now, patience_s=PATIENCE_S, stalls=0)
