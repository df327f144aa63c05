"""Intake: the thread that enters what branches send, many batches a transaction, and answers after the commit."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from edge.headoffice.books import Answer, Received, SetAside
from edge.headoffice.database import Database, DatabaseError, RejectedError
from edge.uplink.envelope import Ack, Batch, Refused, Resend, branch_of, parse_up
from edge.uplink.packing import EnvelopeError

_LOG = logging.getLogger(__name__)
_WAITING: Final = 2_000  # messages; a broker set up as ours has at most half of that on the way
_GROUP_MESSAGES: Final = 256
_GROUP_BYTES: Final = 8 * 1024 * 1024
_RETRY_S: Final = 1.0
_ASK_AGAIN_S: Final = 2.0
_MOST_ASKED: Final = 50_000
_LONGEST_KEPT: Final = 256 * 1024  # bytes of a message that is set aside

Taken = Callable[[Sequence[int]], None]
Answered = Callable[[Sequence[Answer]], None]


class Message(msgspec.Struct, frozen=True):
    """What came on a topic, when (ISO 8601, UTC), and the number under which the broker is told that it is taken."""

    topic: str
    payload: bytes
    at: str
    number: int


class Intake:
    """Takes messages from any thread; `problem` says why nothing can be entered just now."""

    def __init__(self, database: Database, most_branches: int) -> None:
        """`most_branches`: beyond these, unknown ones are set aside. Blocks on the database."""
        self._database = database
        self._taken: Taken
        self._answered: Answered
        self._branches = {state.id for state in database.branches()}
        self._most_branches = most_branches
        self._waiting: queue.Queue[Message] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._asked: dict[tuple[str, str, str, int], float] = {}
        self._thread = threading.Thread(target=self._run, name="intake")
        self.counts: Counter[str] = Counter()
        self.problem: str | None = None

    def start(self, *, taken: Taken, answered: Answered) -> None:
        """Begin to enter; on its thread `taken` is called when messages leave the queue, `answered` after each commit."""
        self._taken, self._answered = taken, answered
        self._thread.start()

    def put(self, topic: str, payload: bytes, number: int) -> bool:
        """Take a message; never waits. False: too many wait, it is given up and its edge sends it again."""
        try:
            self._waiting.put_nowait(Message(topic, payload, datetime.now(UTC).isoformat(timespec="milliseconds"), number))
        except queue.Full:
            self.counts["given_up"] += 1
            return False
        return True

    def stop(self) -> None:
        """Finish the transaction that is open; what waits is given up, for it was not acknowledged."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if group := self._gather():
                self._taken([message.number for message in group])  # a PUBACK proves nothing; more may come meanwhile
                self._enter(*self._read(group))

    def _gather(self) -> list[Message]:
        group: list[Message] = []
        size = 0
        try:
            while len(group) < _GROUP_MESSAGES and size < _GROUP_BYTES:
                message = self._waiting.get(block=not group, timeout=0.2)
                group.append(message)
                size += len(message.payload)
        except queue.Empty:
            pass
        return group

    def _read(self, group: Sequence[Message]) -> tuple[list[Received], list[SetAside]]:
        received: list[Received] = []
        aside: list[SetAside] = []
        for message in group:
            branch = ""
            try:
                branch = branch_of(message.topic)
                said = parse_up(message.payload)
            except EnvelopeError as error:
                aside.append(SetAside(branch, str(error)[:500], message.payload[:_LONGEST_KEPT]))
                continue
            if branch in self._branches or len(self._branches) < self._most_branches:
                self._branches.add(branch)
                received.append(Received(branch, said, message.at))
            else:
                aside.append(SetAside("", f"more than {self._most_branches} branches", message.topic.encode()))
        return received, aside

    def _enter(self, received: list[Received], aside: list[SetAside]) -> None:
        """Enter all of it; halves of it where the database rejects something, until that one alone is set aside."""
        began = time.monotonic()
        while not self._stopping.is_set():
            try:
                answers = self._database.take(received, aside)
            except RejectedError as error:
                self._halve(received, aside, str(error))
                return
            except DatabaseError as error:
                self._tell(str(error))
                self._stopping.wait(_RETRY_S)
            else:
                self._tell(None)
                self._count(received, aside, answers, time.monotonic() - began)
                self._answered([answer for answer in answers if self._is_worth_saying(answer)])
                return

    def _halve(self, received: list[Received], aside: list[SetAside], why: str) -> None:
        if len(received) <= 1:
            rejected = [SetAside(r.branch, f"rejected by the database: {why}"[:500], msgspec.json.encode(r.said)) for r in received]
            self._enter([], aside + rejected if received else [])
            return
        middle = len(received) // 2
        self._enter(received[:middle], aside)
        self._enter(received[middle:], [])

    def _is_worth_saying(self, answer: Answer) -> bool:
        """The same gap is asked for at most every other second."""
        says, now = answer.says, time.monotonic()
        if not isinstance(says, Resend):
            return True
        key = (answer.branch, says.epoch, says.lane.value, says.first)
        if now - self._asked.get(key, -_ASK_AGAIN_S) < _ASK_AGAIN_S:
            return False
        if len(self._asked) >= _MOST_ASKED:
            self._asked = {k: at for k, at in self._asked.items() if now - at < _ASK_AGAIN_S}
        self._asked[key] = now
        return True

    def _count(self, received: Sequence[Received], aside: Sequence[SetAside], answers: Sequence[Answer], took_s: float) -> None:
        self.counts["commits"] += 1
        self.counts["commit_ms"] += round(1000 * took_s)
        self.counts["messages"] += len(received) + len(aside)
        self.counts["events"] += sum(len(r.said.events) for r in received if isinstance(r.said, Batch))
        self.counts["set_aside"] += len(aside)
        for answer in answers:
            self.counts[{Ack: "acks", Resend: "resends", Refused: "refused"}[type(answer.says)]] += 1

    def _tell(self, problem: str | None) -> None:
        if problem != self.problem:
            if problem:
                _LOG.error("nothing can be entered: %s", problem)
            else:
                _LOG.info("entering again")
            self.problem = problem
