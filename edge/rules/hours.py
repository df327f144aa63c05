"""Opening hours as the rules need them: occupied or empty, with the lead before opening and short breaks run through."""

from __future__ import annotations

from datetime import datetime

from edge.branch.plan import Plan


def is_open(plan: Plan, now: float) -> bool:
    """Whether the branch is open."""
    return plan.hours.is_open(now, plan.timezone)


def opens_in_s(plan: Plan, now: float) -> float | None:
    """Seconds until it opens next; 0 while open, None when it does not within two weeks."""
    if is_open(plan, now):
        return 0.0
    opens = plan.hours.next_opening(now, plan.timezone)
    return None if opens is None else opens - now


def in_short_break(plan: Plan, now: float, short_break_s: float) -> bool:
    """Whether it is closed between two spans of a day that lie no further apart than `short_break_s`."""
    opens_in = opens_in_s(plan, now)
    return opens_in is not None and 0.0 < opens_in <= short_break_s and is_open(plan, now + opens_in - short_break_s - 1.0)


def until(plan: Plan, now: float, longest_s: float) -> float:
    """Until when a command is worth doing: `longest_s` from now, and not beyond the next opening or closing."""
    turns = plan.hours.closes_at(now, plan.timezone) or plan.hours.next_opening(now, plan.timezone)
    return min(now + longest_s, turns) if turns is not None else now + longest_s


def hour(plan: Plan, now: float) -> float:
    """The local hour of the day, with its fraction."""
    local = datetime.fromtimestamp(now, plan.timezone)
    return local.hour + local.minute / 60 + local.second / 3600
