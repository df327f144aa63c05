"""View: what the page needs of the branch; the runtime hands it in, so that the page knows nothing of what is behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from edge.branch.plan import Plan
from edge.bus import Board


class Reply(Protocol):
    """What came of a request."""

    @property
    def status(self) -> str: ...
    @property
    def error(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


Ask = Callable[[str, Mapping[str, Any], str], Awaitable[Reply]]


class View(msgspec.Struct, frozen=True):
    """The branch as the page sees it.

    `ask(verb, arguments, by)` does what a person asks; `moment()` is now, as it is written; `unready()` says why the branch is
    not ready, or nothing; `metrics()` is the exposition for Prometheus; `requests` is whether people at the page may ask for
    anything, and `hosts` are the names it is reached by, beside its addresses.
    """

    plan: Plan
    board: Board
    ask: Ask
    moment: Callable[[], str]
    unready: Callable[[], list[str]]
    metrics: Callable[[], bytes]
    requests: bool = True
    hosts: tuple[str, ...] = ()
