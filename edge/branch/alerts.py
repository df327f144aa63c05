"""Alerts: those that should stand against those that do; a difference is an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devices.reading import Text
from edge.branch.course import Course


class Raised(Protocol):
    """An alert that a rule wants to stand (`edge.rules.decision.Raised`)."""

    @property
    def id(self) -> str: ...

    @property
    def severity(self) -> str: ...

    @property
    def text(self) -> Text: ...


def compare(course: Course, raised: Sequence[Raised]) -> None:
    """Raise what is new or of another severity, clear what is no longer wanted; the first of an id counts."""
    wanted: dict[str, Raised] = {}
    for alert in raised:
        wanted.setdefault(alert.id, alert)
    for alert_id, alert in wanted.items():
        standing = course.state.alerts.get(alert_id)
        if standing is None or standing.severity != alert.severity:
            course.tell("alert.raised", {"alert": alert_id, "severity": alert.severity, "text": dict(alert.text)})
    for alert_id, standing in list(course.state.alerts.items()):
        if alert_id not in wanted:
            course.tell("alert.cleared", {"alert": alert_id, "severity": standing.severity, "text": dict(standing.text)})
