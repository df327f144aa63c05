"""Problems of a file: the line each stands on, what is wrong, and the word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from ruamel.yaml.comments import CommentedBase

Place = tuple[Any, ...]
"""The way to something in the file: keys and positions, from the top."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake: the line (from 1), what is wrong, and where in the file's tree."""

    line: int
    what: str
    is_warning: bool = False

    def told(self, file: str) -> str:
        """As the command line prints it, on one line."""
        return f"{file}:{self.line}: {'warning: ' if self.is_warning else ''}{' '.join(self.what.split())}"


def near(word: object, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant by `word`, or None."""
    return next(iter(difflib.get_close_matches(str(word), sorted(candidates), n=1, cutoff=0.6)), None)


def did_you_mean(word: object, candidates: Iterable[str]) -> str:
    """`; did you mean 'sdm120'?`, or nothing when no candidate is near."""
    meant = near(word, candidates)
    return f"; did you mean {meant!r}?" if meant else ""


def line_of(document: Any, place: Place) -> int:
    """The line (from 1) of what stands at `place`, or of the nearest that exists around it."""
    line = 0
    for key in place:
        if not has(document, key):
            break  # a key that is missing
        line = _lines(document).get(key, [line])[0]  # what is merged in by `<<:` has no line of its own here
        document = document[key]
    return int(line) + 1


def _lines(document: Any) -> Mapping[Any, Sequence[int]]:
    """Where each entry of a mapping or list stands, as ruamel.yaml keeps it; from 0."""
    return document.lc.data or {} if isinstance(document, CommentedBase) else {}


def has(given: Any, key: Any) -> bool:
    """Whether `key` is one of a mapping's or a list's."""
    if isinstance(given, Mapping):
        return key in given
    return isinstance(given, list) and isinstance(key, int) and 0 <= key < len(given)
