"""A branch for the tests of the page: a plan, a board with every kind of topic, and its server on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import msgspec

from edge.branch.plan import Counter, Device, Door, Plan, Service, Zone
from edge.branch.state import (
    Alert,
    BranchState,
    ClimateState,
    DeviceState,
    FleetState,
    OccupancyState,
    People,
    PlantValue,
    Quality,
    Reading,
)
from edge.bus import Board
from edge.forecast.wait import Forecast
from edge.ops.metrics import exposition
from edge.ops.topics import payloads
from edge.rules.decision import Advice
from edge.web.server import WebServer
from edge.web.view import View
from tests.edge.branch.branches import NINE
from tests.edge.branch.branches import plan as branch_plan

T = "2026-11-24T09:10:00.000+08:00"
OURS = {"x-smartbranch": "1"}


class Reply(msgspec.Struct):
    status: str = "ok"
    error: str | None = None
    data: Mapping[str, Any] = msgspec.field(default_factory=dict)


def both(name: str) -> dict[str, str]:
    return {"zh-CN": f"{name}（中）", "en": name}


def plan(mark: str = "") -> Plan:
    """The branch; `mark` goes into every name that people give."""
    return branch_plan(
        name=both(f"Branch{mark}"),
        services={"personal": Service("personal", both(f"Personal{mark}"), "A"), "corporate": Service("corporate", both("Corporate"), "B")},
        counters={i: Counter(i, ("personal",)) for i in ("1", "2", "3")},
        zones={"hall": Zone("hall", both(f"Hall{mark}")), "vault": Zone("vault", both("Vault"))},
        doors={"main": Door("main", both(f"Door{mark}"), "door-beam")},
        devices={
            "hall-ac": Device("hall-ac", "modbus", both(f"Air{mark}"), zone="hall", quantities=("mode", "setpoint_c")),
            "vtm-01": Device("vtm-01", "terminal", both(f"VTM{mark}")),
            "door-beam": Device("door-beam", "beam_counter", both("Beam")),
        },
    )


def state(mark: str = "") -> BranchState:
    """Something of everything; `mark` goes into every text."""
    why = both(f"why{mark}")
    return BranchState(
        occupancy=OccupancyState(zones={"hall": People(12, Quality.INFERRED, ("lobby",), NINE)}),
        climate=ClimateState(
            readings={"hall": {"temperature_c": Reading(24.5, Quality.MEASURED, NINE, "hall-air")}},
            plant={
                "hall-ac/mode": PlantValue("cool", NINE, why, NINE + 1800, outcome="confirmed"),
                "hall-ac/setpoint_c": PlantValue(25.0, NINE, why, NINE + 1800, hand=22.0, hand_until=NINE + 3600),
            },
        ),
        fleet=FleetState({"vtm-01": DeviceState("offline", both(f"no power{mark}"), last_seen=NINE), "hall-ac": DeviceState("online")}),
        alerts={"x": Alert("x", "major", both(f"alert{mark}"), NINE)},
    )


class Page:
    """A page's server and what stands behind it."""

    def __init__(self, listen: str, mark: str = "", **more: Any) -> None:
        self.plan, self.board = plan(mark), Board()
        why = both(f"advice{mark}")
        self.board.put(payloads(self.plan, state(mark), Forecast(), (Advice("open-2", why, why, NINE + 60),), NINE + 600))
        self.board.put({"status": {"state": "online", "version": "0.1.0", "since": T, "problems": [f"problem{mark}"], "t": T}})
        uplink = {"state": "connected", "backlog": 4, "oldest_s": 7, "acknowledged": {"alarm": 1}, "reason": None, "t": T}
        self.board.put({"uplink": uplink})
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.reply = Reply()
        self.gate = asyncio.Event()
        self.gate.set()
        self.unready: list[str] = []
        view = View(
            plan=self.plan,
            board=self.board,
            ask=self._ask,
            moment=lambda: T,
            unready=lambda: self.unready,
            metrics=lambda: exposition("test", "0.1.0", self.board.snapshot(), {"commits": 3}),
            **more,
        )
        self.server = WebServer(listen, view)
        self.url = f"http://{listen}"

    async def _ask(self, verb: str, arguments: Mapping[str, Any], by: str) -> Reply:
        self.asked.append((verb, arguments, by))
        await self.gate.wait()
        return self.reply


@contextlib.asynccontextmanager
async def served(page: Page) -> AsyncIterator[httpx.AsyncClient]:
    """The page while it is served, and a client of it."""
    task = asyncio.ensure_future(page.server.run())
    try:
        async with httpx.AsyncClient(base_url=page.url, timeout=10) as client:
            await so(lambda: page.server.ports != [] or task.done())
            yield client
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def so(holds: Callable[[], bool]) -> None:
    """Return when it holds; for what tells nobody when it changes."""
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0.01)
