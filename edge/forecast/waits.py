"""Waits: how long those who wait, and who takes a ticket now, will wait until called."""

from __future__ import annotations

import numpy as np

from edge.branch.plan import Plan
from edge.branch.state import BranchState
from edge.forecast.course import called_s, newcomer, turns
from edge.forecast.experience import Experience
from edge.forecast.line import Floats
from edge.forecast.wait import Forecast, Wait


def forecast(plan: Plan, state: BranchState, now: float, experience: Experience | None = None) -> Forecast:
    """The waits by service (of who takes a ticket now) and by waiting ticket (what is left of its wait).

    Without `experience` it is the simulated line alone, from the service times seen today; with it, what the branch has
    learned of itself moves that forecast and sets its upper point.
    """
    queue = state.queue
    waiting = [t for t in queue.tickets.values() if t.state == "waiting" and not t.inferred_gone]
    new = [newcomer(id_, "normal", now) for id_ in plan.services]
    turn = turns(plan.services, queue.service_times_s, {}) if experience is None else experience.turns(plan, queue)
    found = [_wait(column) for column in called_s(plan, queue, [*waiting, *new], turn, now).T]
    by_service = dict(zip(plan.services, found[len(waiting) :], strict=True))
    by_ticket = {ticket.name: wait for ticket, wait in zip(waiting, found, strict=False)}
    if experience is None:
        return Forecast(by_service, by_ticket)
    learned = {id_: experience.wait(plan, queue, id_, "normal", now) or by_service[id_] for id_ in plan.services}
    moved = {t.name: _moved(by_ticket[t.name], by_service[t.service], learned[t.service]) for t in waiting if t.service in learned}
    return Forecast(learned, {**by_ticket, **moved})


def _wait(seconds: Floats) -> Wait | None:
    if not np.isfinite(seconds).all():
        return None
    p50_s, p90_s = np.quantile(seconds, (0.5, 0.9))
    return Wait(float(p50_s), float(p90_s))


def _moved(wait: Wait | None, of_new: Wait | None, learned: Wait | None) -> Wait | None:
    """What is left for someone in line, moved by what was learned of who comes last."""
    if wait is None or of_new is None or learned is None or of_new.p50_s <= 0:
        return wait
    p50_s = wait.p50_s * learned.p50_s / of_new.p50_s
    spread_s = learned.p90_s - learned.p50_s
    return Wait(p50_s, p50_s + spread_s * min(1.0, wait.p50_s / of_new.p50_s) ** 0.5)
