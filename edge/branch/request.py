"""Requests: the verbs of design 4.2 that concern queue, plant and alerts, as events and an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from devices.reading import Value
from edge.branch import day, plant, service
from edge.branch.course import Course
from edge.branch.keys import second_choice
from edge.branch.numbering import service_of
from edge.branch.plan import Counter, Plan
from edge.branch.queue import new_ticket, printer
from edge.branch.state import BranchState, Ticket
from edge.branch.told import moment, word
from edge.event import Event

_LONGEST_HAND_S: Final = 7 * 86_400.0
_LONGEST_TEXT: Final = 64
_CHOICES: Final[Mapping[str, tuple[str | bool, ...]]] = {
    "mode": ("off", "cool", "heat", "fan", "dry", "auto"),
    "relay": (True, False),
}
_RANGES: Final = {"setpoint_c": (10.0, 35.0)}  # the others are percentages

Arguments = Mapping[str, Any]
Data = Mapping[str, Any]


class RefusedError(Exception):
    """A request cannot be done; the text says why and what to do."""


def answer(plan: Plan, state: BranchState, verb: str, arguments: Arguments, now: float) -> tuple[BranchState, list[Event], Data]:
    """Do what a person asks; `data` is what the response carries. `issuer` among the arguments is who asks, where known.

    Raises:
        RefusedError: the verb is not one of these, an argument is missing or unknown, or it cannot be done now.
    """
    act = _VERBS.get(verb)
    if act is None:
        raise RefusedError(f"no request is called {verb}; there are {', '.join(VERBS)}")
    course = Course(plan, state, now)
    day.roll_over(course)
    data = act(course, arguments)
    return course.state, course.events, data


def _issue_ticket(course: Course, arguments: Arguments) -> Data:
    if course.plan.authority == "machine":
        raise RefusedError("the ticket system issues the tickets (queue: authority: machine); take one there")
    asked = word(arguments, "service")
    service_id = service_of(course.plan, asked, asked)
    if service_id not in course.plan.services:
        raise RefusedError(f"service {asked or '(none)'} is not known; say service: one of {_list(course.plan.services)}")
    class_ = word(arguments, "class") or "normal"
    if class_ != "normal" and class_ not in course.plan.classes:
        raise RefusedError(f"class {class_} is not known; say class: one of {_list(course.plan.classes)}")
    printed = printer(course) is not None
    name = new_ticket(course, service_id, class_, "request", printed=printed)
    if name is None:
        raise RefusedError(f"all numbers of {service_id} are in use; call or close some of its tickets first")
    return {"ticket": name, "service": service_id, "printing": printed}


def _call_next(course: Course, arguments: Arguments) -> Data:
    """Call whose turn it is, or the `ticket` that is named."""
    _decided_here(course)
    counter = _counter(course, arguments)
    if word(arguments, "ticket"):
        ticket = _named(course, arguments)
        if ticket.state not in ("waiting", "held"):
            raise RefusedError(
                f"ticket {ticket.name} is {ticket.state} at counter {ticket.counter}; only one that waits or is held can be called"
            )
        service.call(course, ticket, counter.id, course.now)
        return {"ticket": ticket.name, "counter": counter.id}
    called = service.call_next(course, counter.id, course.now)
    return {"ticket": called.name if called else None, "counter": counter.id}


def _recall(course: Course, arguments: Arguments) -> Data:
    ticket = _served(course, arguments)
    service.recall(course, ticket, course.now)
    return {"ticket": ticket.name, "counter": ticket.counter}


def _no_show(course: Course, arguments: Arguments) -> Data:
    ticket = _served(course, arguments)
    service.no_show(course, ticket, course.now)
    return {"ticket": ticket.name, "counter": ticket.counter}


def _transfer(course: Course, arguments: Arguments) -> Data:
    ticket = _served(course, arguments)
    counter = course.plan.counters[ticket.counter or ""]
    to = word(arguments, "service") or second_choice(counter, ticket.service)
    if to not in course.plan.services or to is None:
        raise RefusedError(f"say service: where to transfer {ticket.name} to, one of {_list(course.plan.services)}")
    service.transfer(course, ticket, to, course.now)
    return {"ticket": ticket.name, "service": to}


def _open_counter(course: Course, arguments: Arguments) -> Data:
    counter = _counter(course, arguments)
    service.open_counter(course, counter.id, course.now)
    return _state_of(course, counter)


def _pause_counter(course: Course, arguments: Arguments) -> Data:
    counter = _counter(course, arguments)
    service.pause_counter(course, counter.id, course.now)
    return _state_of(course, counter)


def _close_counter(course: Course, arguments: Arguments) -> Data:
    counter = _counter(course, arguments)
    service.close_counter(course, counter.id, course.now)
    return _state_of(course, counter)


def _set_climate(course: Course, arguments: Arguments) -> Data:
    """A person's value for a zone, respected as a hand at the thermostat is."""
    zone, quantity = _zone(course, arguments), _quantity(arguments)
    value = _value(quantity, arguments.get("value"))
    devices = [device.id for device in course.plan.devices.values() if device.zone == zone and quantity in device.quantities]
    if not devices:
        can = sorted({able for device in course.plan.devices.values() if device.zone == zone for able in device.quantities})
        raise RefusedError(f"nothing in zone {zone} can be told {quantity}; it can be told: {_list(can)}")
    until = _until(course, arguments)
    for device in devices:
        plant.hold(course, device, quantity, "", value, until, word(arguments, "issuer") or "request")
    return {"zone": zone, "devices": devices, "until": until}


def _until(course: Course, arguments: Arguments) -> float:
    if arguments.get("until") is None:
        return plant.hand_until(course)
    until = moment(arguments["until"], course.plan.timezone)
    if until is None or not course.now < until <= course.now + _LONGEST_HAND_S:
        raise RefusedError(
            f"until {str(arguments['until'])[:40]} is no moment to come within {_LONGEST_HAND_S / 86_400:.0f} days;"
            " write it like 2026-11-24T17:00:00+08:00"
        )
    return until


def _value(quantity: str, value: object) -> Value:
    """What is asked, where it is something that the quantity can be."""
    if quantity in _CHOICES:
        good, what = value in _CHOICES[quantity] and isinstance(value, str | bool), f"one of {_list(map(str, _CHOICES[quantity]))}"
    elif quantity == "playlist":
        good, what = isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT, "the name of a playlist"
    else:
        low, high = _RANGES.get(quantity, (0.0, 100.0))
        good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        what = f"a number from {low:g} to {high:g}"
    if not good or not isinstance(value, int | float | str):
        raise RefusedError(f"say value: what {quantity} should be, {what}")
    return value


def _release_climate(course: Course, arguments: Arguments) -> Data:
    """The rules decide again: in a zone, of one quantity where it is named."""
    zone = _zone(course, arguments)
    quantity = word(arguments, "quantity")
    released = []
    for key, known in list(course.state.climate.plant.items()):
        device, of, *_ = key.split("/")
        placed = course.plan.devices.get(device)
        if known.hand is not None and placed is not None and placed.zone == zone and quantity in ("", of):
            plant.release(course, key, f"released by {word(arguments, 'issuer') or 'request'}")
            released.append(device)
    return {"zone": zone, "devices": released}


def _acknowledge_alert(course: Course, arguments: Arguments) -> Data:
    alert = word(arguments, "alert") or word(arguments, "id")
    if alert not in course.state.alerts:
        raise RefusedError(f"no alert {alert or '(none)'} stands; there are: {_list(course.state.alerts)}")
    by = word(arguments, "by") or word(arguments, "issuer") or "request"
    course.tell("alert.acknowledged", {"alert": alert, "by": by})
    return {"alert": alert, "acknowledged_by": by}


_VERBS: Final[Mapping[str, Callable[[Course, Arguments], Data]]] = {
    "issue_ticket": _issue_ticket,
    "call_next": _call_next,
    "recall": _recall,
    "no_show": _no_show,
    "transfer": _transfer,
    "open_counter": _open_counter,
    "pause_counter": _pause_counter,
    "close_counter": _close_counter,
    "set_climate": _set_climate,
    "release_climate": _release_climate,
    "acknowledge_alert": _acknowledge_alert,
}
VERBS: Final = tuple(_VERBS)


def _decided_here(course: Course) -> None:
    if course.plan.authority == "machine":
        raise RefusedError("the ticket system decides which ticket is next (queue: authority: machine); call from there")


def _counter(course: Course, arguments: Arguments) -> Counter:
    name = word(arguments, "counter")
    counter = course.plan.counters.get(name)
    if counter is None:
        raise RefusedError(f"counter {name or '(none)'} is not known; say counter: one of {_list(course.plan.counters)}")
    return counter


def _named(course: Course, arguments: Arguments) -> Ticket:
    name = word(arguments, "ticket")
    ticket = course.queue.tickets.get(name)
    if ticket is None:
        raise RefusedError(f"ticket {name} is not in the queue; it may be finished, or never have been issued")
    return ticket


def _served(course: Course, arguments: Arguments) -> Ticket:
    """The ticket at the counter that is named."""
    _decided_here(course)
    counter = _counter(course, arguments)
    ticket = service.ticket_at(course, counter.id)
    if ticket is None:
        raise RefusedError(f"no ticket is at counter {counter.id}; call one first (call_next)")
    return ticket


def _zone(course: Course, arguments: Arguments) -> str:
    zone = word(arguments, "zone")
    if zone not in course.plan.zones:
        raise RefusedError(f"zone {zone or '(none)'} is not known; say zone: one of {_list(course.plan.zones)}")
    return zone


def _quantity(arguments: Arguments) -> str:
    quantity = word(arguments, "quantity")
    if quantity not in plant.QUANTITIES:
        raise RefusedError(f"quantity {quantity or '(none)'} cannot be commanded; say quantity: one of {_list(sorted(plant.QUANTITIES))}")
    return quantity


def _state_of(course: Course, counter: Counter) -> Data:
    return {"counter": counter.id, "state": service.counter_state(course, counter.id).state}


def _list(names: Any) -> str:
    return ", ".join(names) or "none"
