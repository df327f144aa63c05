"""Choice: which ticket a counter is given next, where smartbranch decides (design 4.6)."""

from __future__ import annotations

from edge.branch.plan import Counter, Plan
from edge.branch.state import QueueState, Ticket


def next_ticket(plan: Plan, queue: QueueState, counter: Counter, now: float) -> Ticket | None:
    """The waiting ticket of the counter's services that comes first; of equals the one issued first."""
    waiting = (ticket for ticket in queue.tickets.values() if ticket.state == "waiting" and ticket.service in counter.services)
    return min(waiting, key=lambda ticket: precedence(plan, counter, ticket, now), default=None)


def precedence(plan: Plan, counter: Counter, ticket: Ticket, now: float) -> tuple[int, bool, int, float]:
    """What is smallest goes first.

    Whoever waits longer than the guard, in order of issue; then the class that the counter serves before others; then
    the counter's services in their order; then the time of issue, put ahead by the seconds of the ticket's class.
    """
    guarded = now - ticket.issued_at > plan.longest_wait_guard_s > 0
    if guarded:
        return 0, False, 0, ticket.issued_at
    return 1, ticket.class_ != counter.first, counter.services.index(ticket.service), ticket.issued_at - credit_s(plan, ticket, now)


def credit_s(plan: Plan, ticket: Ticket, now: float) -> float:
    """Seconds a ticket is put ahead; an appointment only within its window, so that nobody gains by coming early or late."""
    if ticket.window and not ticket.window[0] <= now <= ticket.window[1]:
        return 0.0
    class_ = plan.classes.get(ticket.class_)
    return class_.credit_s if class_ else 0.0
