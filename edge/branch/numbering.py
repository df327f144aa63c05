"""Numbering: a ticket's name is its prefix and three digits, and names one customer at a time."""

from __future__ import annotations

import re
from typing import Final

from edge.branch.plan import Plan
from edge.branch.state import QueueState

_NAME: Final = re.compile(r"([^0-9]*)([0-9]{1,6})\Z", re.ASCII)
_LAST: Final = 999
FIRST_APART: Final = 901
"""Where a ticket machine gives out numbers of its own, those that we give out are from here on: no two customers get the same."""


def parts(name: str) -> tuple[str, int | None]:
    """Prefix and number of a ticket's name; no number where it has none."""
    found = _NAME.match(name)
    return (found[1], int(found[2])) if found else (name, None)


def named(prefix: str, number: int) -> str:
    """The name on the ticket, e.g. `A012`."""
    return f"{prefix}{number:03d}"


def apart_key(prefix: str) -> str:
    """Under which `QueueState.last_number` keeps the last number that was given out apart from the machine's."""
    return f"{prefix} apart"


def has_own_numbers(plan: Plan) -> bool:
    """Whether a ticket machine gives tickets out by itself; one that prints only what we ask for takes `print_ticket`."""
    return any(device.kind == "ticket_machine" and "print_ticket" not in device.quantities for device in plan.devices.values())


def next_name(plan: Plan, queue: QueueState, prefix: str) -> str | None:
    """The number after the last, from 001 again after 999, without those in use; None when all are in use.

    Beside a machine that numbers by itself it is one of 901 to 999, each once a day.
    """
    if has_own_numbers(plan):
        number = queue.last_number.get(apart_key(prefix), FIRST_APART - 1) + 1
        return named(prefix, number) if number <= _LAST else None
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
