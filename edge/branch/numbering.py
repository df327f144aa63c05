"""Numbering: a ticket's name is its prefix and three digits, and names one customer at a time."""

from __future__ import annotations

import re
from typing import Final

from edge.branch.plan import Plan
from edge.branch.state import QueueState

_NAME: Final = re.compile(r"([^0-9]*)([0-9]{1,6})\Z", re.ASCII)
_LAST: Final = 999


def parts(name: str) -> tuple[str, int | None]:
    """Prefix and number of a ticket's name; no number where it has none."""
    found = _NAME.match(name)
    return (found[1], int(found[2])) if found else (name, None)


def named(prefix: str, number: int) -> str:
    """The name on the ticket, e.g. `A012`."""
    return f"{prefix}{number:03d}"


def next_name(queue: QueueState, prefix: str) -> str | None:
    """The number after the last, from 001 again after 999, without those in use; None when all are in use."""
    last = queue.last_number.get(prefix, 0)
    for step in range(1, _LAST + 1):
        name = named(prefix, (last + step - 1) % _LAST + 1)
        if name not in queue.tickets and name not in queue.printing:
            return name
    return None


def service_of(plan: Plan, service: str, ticket: str) -> str:
    """The service's id: as told, or by the ticket's prefix, else what was told, else `unknown`."""
    if service in plan.services:
        return service
    prefix = parts(ticket)[0]
    by_prefix = next((known.id for known in plan.services.values() if known.prefix in (prefix, service)), None)
    return by_prefix or service or "unknown"
