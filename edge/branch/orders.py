"""Orders: what the branch wants done at once because of what happened: displays, ticket machines, printers, a person's climate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from devices.reading import Command
from edge.branch.plan import Counter, Device, Plan
from edge.branch.queue_fold import ticket_of
from edge.branch.state import BranchState, QueueState, Ticket
from edge.branch.words import named, text
from edge.event import Event

_WORTH_S: Final = 60.0  # a number shown later than that tells nobody anything
_ACTIONS: Final[Mapping[str, str]] = {
    "ticket.called": "call",
    "ticket.recalled": "recall",
    "ticket.started": "serve",
    "ticket.finished": "finish",
    "ticket.no_show": "no_show",
    "ticket.transferred": "transfer",
    "ticket.held": "hold",
}
_CALLS: Final = frozenset({"ticket.called", "ticket.recalled"})


def orders(plan: Plan, before: BranchState, after: BranchState, events: Sequence[Event]) -> list[Command]:
    """Commands that follow from `events`, which led from `before` to `after`; in the order they should go out.

    Of a device's quantity and part the newest alone: a display shows one number, and a call to a counter ends what was there.
    """
    newest: dict[tuple[str, str, str], Command] = {}
    for command in _wanted(plan, before, after, events):
        key = (command.device, command.quantity, command.part)
        newest.pop(key, None)
        newest[key] = command
    return list(newest.values())


def _wanted(plan: Plan, before: BranchState, after: BranchState, events: Sequence[Event]) -> Iterator[Command]:
    for event in events:
        if event.type in _CALLS:
            yield from _shown_call(plan, event)
        if event.type in _ACTIONS and plan.authority == "smartbranch" and not event.data.get("inferred"):
            yield from _told_machines(plan, event)
        if event.type == "ticket.requested":
            yield from _printed(plan, after, event)
        if event.type == "climate.held" and event.data["by"] != "hand":
            yield _climate(event)
        if event.type == "device.online":
            yield from _shown_again(plan, after, event)
    if events and before.queue is not after.queue:
        yield from _waiting(plan, before.queue, after.queue, events[-1].t)


def waiting_for(queue: QueueState, counter: Counter) -> int:
    """Tickets that wait for a service of the counter, without those presumed gone."""
    return sum(
        ticket.state == "waiting" and ticket.service in counter.services and not ticket.inferred_gone for ticket in queue.tickets.values()
    )


def _displays(plan: Plan, counter: str, quantity: str) -> Iterator[Device]:
    """Devices that show something at a counter: linked to it, and able to, as far as that is known."""
    for device in plan.devices.values():
        if counter in device.links_to.values() and device.kind != "camera" and (not device.quantities or quantity in device.quantities):
            yield device


def _show(plan: Plan, counter: str | None, quantity: str, value: str | int | bool, t: float) -> Iterator[Command]:
    why = text(f"counter {counter}", f"{counter} 号柜台")
    for device in _displays(plan, counter or "", quantity):
        yield Command(quantity, value, part=counter or "", device=device.id, why=why, until=t + _WORTH_S)


def _shown_call(plan: Plan, event: Event) -> Iterator[Command]:
    counter = event.data["counter"]
    yield from _show(plan, counter, "ticket", event.data["ticket"], event.t)
    yield from _show(plan, counter, "beep", True, event.t)


def _waiting(plan: Plan, before: QueueState, after: QueueState, t: float) -> Iterator[Command]:
    for counter in plan.counters.values():
        number = waiting_for(after, counter)
        if number != waiting_for(before, counter):
            yield from _show(plan, counter.id, "waiting", number, t)


def displayed(plan: Plan, state: BranchState, t: float) -> list[Command]:
    """What every display should show at `t`."""
    shown: list[Command] = []
    for counter in plan.counters.values():
        known = state.queue.counters.get(counter.id)
        shown += _show(plan, counter.id, "waiting", waiting_for(state.queue, counter), t)
        if known is not None and known.ticket:
            shown += _show(plan, counter.id, "ticket", known.ticket, t)
    return shown


def _shown_again(plan: Plan, after: BranchState, event: Event) -> Iterator[Command]:
    """A display that is back shows what it missed."""
    yield from (command for command in displayed(plan, after, event.t) if command.device == event.data["device"])


def _told_machines(plan: Plan, event: Event) -> Iterator[Command]:
    data = event.data
    body = {"ticket": data["ticket"], "counter": data["counter"], "action": _ACTIONS[event.type]}
    for device in plan.devices.values():
        if "call" in device.quantities:
            why = text(f"{body['action']} {body['ticket']}", f"{body['ticket']}：{body['action']}")
            yield Command("call", json.dumps(body), part=data["counter"] or "", device=device.id, why=why, until=event.t + _WORTH_S)


def _printed(plan: Plan, after: BranchState, event: Event) -> Iterator[Command]:
    """To the kiosk that asked, else to the first that can print."""
    ticket, source = ticket_of(event.t, event.data), event.data["source"]
    able = [device.id for device in plan.devices.values() if "print_ticket" in device.quantities]
    printer = source if source in plan.devices and (source in able or not able) else next(iter(able), None)
    if printer is None:
        return
    service = plan.services.get(ticket.service)
    name = named(service.name, plan.language) if service else ticket.service
    body = {
        "ticket": ticket.name,
        "service": ticket.service,
        "service_name": name,
        "branch": named(plan.name, plan.language),
        "ahead": sum(_ahead(other, ticket) for other in after.queue.tickets.values()),
        "issued_at": event.t,
    }
    why = text(f"ticket {ticket.name} was asked for", f"客户取号 {ticket.name}")
    yield Command("print_ticket", json.dumps(body, ensure_ascii=False), part=ticket.name, device=printer, why=why, until=event.t + _WORTH_S)


def _ahead(other: Ticket, ticket: Ticket) -> bool:
    return other.state == "waiting" and other.service == ticket.service and not other.inferred_gone


def _climate(event: Event) -> Command:
    data = event.data
    why = text(f"asked for by {data['by']}", f"应 {data['by']} 的要求")
    return Command(data["quantity"], data["value"], part=data["part"], device=data["device"], why=why, until=data["until"])
