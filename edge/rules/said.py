"""How rules put things: both languages at once, and figures as people say them."""

from __future__ import annotations

import re

from devices.reading import Text


def said(en: str, zh: str) -> Text:
    """What people read, in both languages."""
    return {"zh-CN": zh, "en": en}


def minutes(seconds: float) -> int:
    """Whole minutes, rounded as people say them; at least 1 of what is more than nothing."""
    return max(1, round(seconds / 60)) if seconds > 0 else 0


def named(name: Text, language: str, instead: str) -> str:
    """A name in `language`, in any language where it has none in this one, or what stands `instead`."""
    return name.get(language) or next(iter(name.values()), instead)


def alert_id(*parts: str) -> str:
    """An id of `[a-z0-9-]+` that is the same for the same trouble; what has no letters of that kind keeps its code points."""
    plain = "".join(c if re.fullmatch(r"[a-z0-9-]", c) else "-" if c.isascii() else f"-{ord(c):x}" for c in "-".join(parts).lower())
    return re.sub("-+", "-", plain).strip("-")
