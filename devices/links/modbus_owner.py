"""The owner of a Modbus line: one request on the wire at a time, a silence between frames, no answer taken for another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from devices.driver import DriverError, LinkDownError
from devices.links.byte_wire import ByteWire
from devices.links.modbus_frame import LONGEST, READ_HOLDING, READ_INPUT, Answer, Framing, Request, Rtu
from devices.links.wire import Heard, Holder, until_lost

_LATE_S: Final = 5.0  # an answer may come this late; until then it could be taken for that of the next like request
_TIMES_QUIET: Final = 10  # attempts to find the line silent before it is used all the same
_SAID: Final = {
    1: "does not know the function",
    2: "has no such register",
    3: "does not take the value",
    4: "has failed",
    6: "is busy",
    10: "gateway has no path to it",
    11: "does not answer its gateway",
}


class SilentError(DriverError):
    """A unit does not answer."""


class RefusedError(DriverError):
    """A unit answers that it will not; `code` is the exception code (Modbus application protocol 1.1b3, 7)."""

    def __init__(self, unit: int, code: int) -> None:
        super().__init__(f"unit {unit} {_SAID.get(code, 'refuses')} (exception {code}); check the register map of this model")
        self.code = code


class _Link(Protocol):
    pass


M = TypeVar("M", bound=_Link)


class ModbusOwner(Generic[M]):
    """Requests in turn, first come first served; a device has one request in the queue, so that none waits for two of another."""

    def __init__(
        self, wire: ByteWire, framing: Framing, link: Callable[[ModbusOwner[M], str], M], heard: Heard, *, character_s: float
    ) -> None:
        self._wire = wire
        self._heard = heard  # an exchange at a time, of the device that asked
        self._framing = framing
        self._link = link
        self._character_s = character_s
        self._late_s = _LATE_S if isinstance(framing, Rtu) else 0.0  # in TCP the transaction tells
        self._reader = wire.reader()
        self._turn = asyncio.Lock()
        self._asked: Request | None = None
        self._transaction = 0
        self._owed: dict[tuple[int, int], list[float]] = {}  # unit and function -> until when unanswered reads may be answered

    async def run(self) -> None:
        await self._wire.run()

    def hold(self, _: Any, holder: Holder) -> M:
        self._wire.presence.join(holder, there=self._wire.is_open)
        return self._link(self, holder.device)

    def release(self, _: M, holder: Holder) -> None:
        self._wire.presence.leave(holder)

    async def forget(self, device: str) -> None:
        """Nothing is kept for a device that holds no link."""

    def answer(self, said: Sequence[bytes]) -> tuple[int, bytes] | None:
        """Which of several recorded answers is the first to the request that is out, and its bytes; None: none is, or nothing is asked.

        In TCP the recorded transaction number is another, and becomes this one's.
        """
        if self._asked:
            for at, recorded in enumerate(said):
                answer = recorded if isinstance(self._framing, Rtu) else self._transaction.to_bytes(2, "big") + recorded[2:]
                if any(self._framing.answers(bytearray(answer), self._asked, self._transaction)):
                    return at, answer
        return None

    async def drained(self) -> None:
        """Return when the answer has been taken."""
        await self._reader.drained()

    async def ask(self, request: Request, timeout_s: float, device: str) -> tuple[int, ...]:
        """The words of the answer; see `ModbusLine.read`."""
        async with self._turn:
            try:
                answer = await until_lost(self._wire.lost(), self._wire.down, self._exchange(request, timeout_s, device))
            except LinkDownError:
                self._owed.clear()  # what is under way on a wire that is lost does not arrive on the next
                raise
        if answer.refused is not None:
            raise RefusedError(request.unit, answer.refused)
        return answer.words

    async def _exchange(self, request: Request, timeout_s: float, device: str) -> Answer:
        self._transaction = self._transaction % 0xFFFF + 1
        sent = self._framing.encode(request, self._transaction)
        await self._quiet()
        self._asked, said, on_the_wire_s = request, bytearray(), len(sent) * self._character_s
        try:
            await self._wire.write(sent)
            if request.unit == 0:  # a broadcast: nobody answers
                await asyncio.sleep(on_the_wire_s)
                return Answer()
            return await self._hear(request, timeout_s, on_the_wire_s, said)
        finally:
            self._asked = None
            self._reader.done()
            if said:
                self._heard(self._wire.presence.wire, None, bytes(said), [device])

    async def _quiet(self) -> None:
        """Wait for 3.5 characters of silence; what still comes in belongs to no request of ours."""
        for _ in range(_TIMES_QUIET):
            await asyncio.sleep(3.5 * self._character_s)
            stale = self._reader.take_all()
            if not stale:
                return
            for unit, function in list(self._owed):
                if bytes((unit, function)) in stale or bytes((unit, function | 0x80)) in stale:
                    del self._owed[unit, function]  # there it was

    async def _hear(self, request: Request, timeout_s: float, on_the_wire_s: float, said: bytearray) -> Answer:
        key, now = (request.unit, request.function), asyncio.get_running_loop().time()
        owed = [until for until in self._owed.pop(key, []) if until > now]
        heard, answers, spoilt = bytearray(), list[Answer](), False
        try:
            async with asyncio.timeout(timeout_s + on_the_wire_s):
                while len(answers) <= len(owed):
                    chunk = await anext(self._reader)
                    heard += chunk
                    said += chunk[: LONGEST - len(said)]
                    spoilt = spoilt or _begins(heard, request)
                    answers += self._framing.answers(heard, request, self._transaction)
                    del heard[:-LONGEST]
        except TimeoutError:
            if answers:
                raise SilentError(f"unit {request.unit}: its answer may be a late one to an earlier request; asked again later") from None
            raise SilentError(
                f"unit {request.unit} on {self._wire.presence.wire} does not answer within {timeout_s:g} s; "
                "check its power, address, baud rate and wiring"
            ) from None
        finally:
            if not answers and not spoilt and request.function in {READ_HOLDING, READ_INPUT} and self._late_s:
                self._owed[key] = [*owed, now + self._late_s]
        return answers[-1]


def _begins(heard: bytearray, request: Request) -> bool:
    """Whether an answer to a read has begun; where it does not end soundly it was spoilt, and is not still to come."""
    return bytes((request.unit, request.function, 2 * request.count)) in heard
