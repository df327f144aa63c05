"""Which topics at the branch's broker are a device's own: what it says, and what it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devices.wire.description import Preset

_PREFIX = "{}"


def own_topics(prefix: str, preset: Preset | None, named: Iterable[str | None] = ()) -> tuple[str, ...]:
    """Topic filters of a device at `prefix`, of its preset, and of the topics that its settings name."""
    roots = {prefix, *(template[: template.index(_PREFIX) + len(_PREFIX)].format(prefix) for template in _templates(preset))}
    below = (filter_ for root in sorted(roots) for filter_ in (root, f"{root}/#"))
    return tuple(dict.fromkeys((*below, *(topic for topic in named if topic))))


def _templates(preset: Preset | None) -> Iterator[str]:
    """Topics of the preset in which the prefix stands."""
    if preset is None:
        return
    for source in preset.sources.values():
        yield from (topic for topic in source.topics if _PREFIX in topic)
    yield from (target.topic for target in preset.targets.values() if _PREFIX in target.topic)
    if preset.availability is not None:
        yield preset.availability.topic
