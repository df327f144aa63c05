"""Staffing: which counter to open, or to move, when people who come now would wait longer than the target."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from edge.branch.plan import Counter, Plan, Service
from edge.branch.state import BranchState, CounterState
from edge.forecast.wait import Forecast, Wait
from edge.forecast.waits import forecast as expect
from edge.rules import hours
from edge.rules.decision import Advice, Decision
from edge.rules.said import alert_id, minutes, named, said

_WORTH_S = 60.0  # advice that saves less than a minute is none
_STANDS_S = 600.0


def staffing(plan: Plan, state: BranchState, forecast: Forecast, now: float) -> Decision:
    """One piece of advice for each service whose forecast passes its target."""
    if not hours.is_open(plan, now):
        return Decision()
    return Decision(advice=tuple(advice for service in plan.services.values() for advice in _service(plan, state, forecast, service, now)))


def _service(plan: Plan, state: BranchState, forecast: Forecast, service: Service, now: float) -> Iterator[Advice]:
    wait = forecast.by_service.get(service.id)
    waiting = sum(1 for t in state.queue.tickets.values() if t.state == "waiting" and t.service == service.id and not t.inferred_gone)
    if wait is None:
        if waiting:
            yield from _nobody_serves(plan, state, service, waiting, now)
        return
    if wait.p50_s <= service.target_wait_s or not waiting:
        return
    shut = [counter for counter in _of(plan, service) if _state(state, counter) in ("closed", "paused")]
    best = min(((counter, _if_open(plan, state, counter, service, wait, now)) for counter in shut), key=lambda pair: pair[1], default=None)
    if best is not None and wait.p50_s - best[1] >= _WORTH_S:
        yield _open(best[0], service, wait, best[1], waiting, now)
    elif best is None and (helper := _helper(plan, state, forecast, service)) is not None:
        yield _move(helper, service, wait, waiting, now)


def _of(plan: Plan, service: Service) -> list[Counter]:
    return [counter for counter in plan.counters.values() if service.id in counter.services]


def _state(state: BranchState, counter: Counter) -> str:
    return state.queue.counters.get(counter.id, CounterState()).state


def _if_open(plan: Plan, state: BranchState, counter: Counter, service: Service, wait: Wait, now: float) -> float:
    """The median wait for `service` if `counter` were open too: the forecast, less what the line's model says that saves."""
    counters = {**state.queue.counters, counter.id: CounterState("open", since=now)}
    supposed = msgspec.structs.replace(state, queue=msgspec.structs.replace(state.queue, counters=counters))
    before, after = (expect(plan, as_is, now).by_service.get(service.id) for as_is in (state, supposed))
    return wait.p50_s * after.p50_s / before.p50_s if before and after and before.p50_s > 0 else wait.p50_s


def _helper(plan: Plan, state: BranchState, forecast: Forecast, service: Service) -> Counter | None:
    """An open counter that does not serve `service`, with time to spare in all that it serves."""
    for counter in plan.counters.values():
        if service.id in counter.services or _state(state, counter) not in ("open", "serving"):
            continue
        waits = [forecast.by_service.get(id_) for id_ in counter.services]
        targets = [plan.services[id_].target_wait_s for id_ in counter.services if id_ in plan.services]
        if all(wait is not None and wait.p50_s < 0.25 * target for wait, target in zip(waits, targets, strict=False)):
            return counter
    return None


def _until(now: float) -> float:
    """The end of advice given now; the same for some minutes, so that it does not change every second."""
    return (now // _STANDS_S + 2) * _STANDS_S


def _nobody_serves(plan: Plan, state: BranchState, service: Service, waiting: int, now: float) -> Iterator[Advice]:
    counter = next((counter for counter in _of(plan, service) if _state(state, counter) in ("closed", "paused")), None)
    name_en, name_zh = named(service.name, "en", service.id), named(service.name, "zh-CN", service.id)
    if counter is not None:
        yield Advice(
            alert_id("open", counter.id),
            said(f"Open counter {counter.id} for {name_en}", f"请开放 {counter.id} 号窗口办理{name_zh}"),
            said(f"{waiting} wait and no open counter serves them", f"{waiting} 人等候，无窗口办理"),
            _until(now),
        )


def _open(counter: Counter, service: Service, wait: Wait, then_s: float, waiting: int, now: float) -> Advice:
    figures = minutes(wait.p50_s), minutes(then_s), minutes(service.target_wait_s)
    return Advice(
        alert_id("open", counter.id),
        said(
            f"Open counter {counter.id} for {named(service.name, 'en', service.id)}",
            f"请开放 {counter.id} 号窗口办理{named(service.name, 'zh-CN', service.id)}",
        ),
        said(
            f"{waiting} wait; who comes now waits {figures[0]} min (target {figures[2]} min), with this counter {figures[1]} min",
            f"{waiting} 人等候；现在到店预计等候 {figures[0]} 分钟（目标 {figures[2]} 分钟），开放后 {figures[1]} 分钟",
        ),
        _until(now),
    )


def _move(counter: Counter, service: Service, wait: Wait, waiting: int, now: float) -> Advice:
    figures = minutes(wait.p50_s), minutes(service.target_wait_s)
    return Advice(
        alert_id("move", counter.id, service.id),
        said(
            f"Let counter {counter.id} serve {named(service.name, 'en', service.id)} too",
            f"请 {counter.id} 号窗口协助办理{named(service.name, 'zh-CN', service.id)}",
        ),
        said(
            f"{waiting} wait {figures[0]} min (target {figures[1]} min), all their counters are open, and counter {counter.id} has time",
            f"{waiting} 人等候，预计 {figures[0]} 分钟（目标 {figures[1]} 分钟），对应窗口均已开放，{counter.id} 号窗口空闲",
        ),
        _until(now),
    )
