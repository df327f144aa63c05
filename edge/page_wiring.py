"""The page wired to the branch: what it shows, whom it asks, what it tells those who watch the box."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge.branch_board import VERSION
from edge.ops.metrics import exposition
from edge.uplink_wiring import Ask
from edge.web.server import WebServer
from edge.web.view import View

if TYPE_CHECKING:
    from edge.runtime import Runtime


def page_of(runtime: Runtime, listen: str, ask: Ask) -> WebServer:
    """The page of a running branch at `host:port`."""
    asked = runtime.config.document.web
    view = View(
        plan=runtime.plan,
        board=runtime.board,
        ask=ask,
        moment=runtime.moment,
        unready=lambda: unready(runtime),
        metrics=lambda: exposition(runtime.plan.branch, VERSION, runtime.board.snapshot(), figures(runtime)),
        requests=is_loopback(listen) if asked.requests is None else asked.requests,
        hosts=tuple(asked.hosts),
    )
    return WebServer(listen, view)


def is_loopback(listen: str) -> bool:
    """Whether only this box itself reaches `host:port`."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def unready(runtime: Runtime) -> list[str]:
    """Why nothing should be sent here; the engine has resumed before the page begins."""
    store = runtime.store
    why = [f"the store cannot be written: {store.problem}"] if store.problem else []
    return [*why, f"{store.writer.waiting} writes wait for the disk"] if store.is_full() else why


def figures(runtime: Runtime) -> Mapping[str, float]:
    """Counters of the daemon itself, for the metrics."""
    return {
        "samples_taken": runtime.engine.samples_taken,
        "samples_replaced": runtime.engine.samples_replaced,
        "occurrences_taken": runtime.engine.occurrences_taken,
        "commits": runtime.store.writer.commits,
        "store_waiting": runtime.store.writer.waiting,
        "bulk_given_up": runtime.store.bulk_given_up,
    }
