"""Words: what people read of the branch's state, in both languages."""

from __future__ import annotations

from devices.reading import Text


def text(en: str, zh: str) -> Text:
    """What people read, in both languages."""
    return {"zh-CN": zh, "en": en}


def named(name: Text, language: str) -> str:
    """The name in a language, or in whichever there is."""
    return name.get(language) or next(iter(name.values()), "")
