"""Problems of a file, with the line each stands on and the word that was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

Place = tuple[str | int, ...]


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake: the line (from 1), what is wrong, and where in the file's tree."""

    line: int
    what: str
    is_warning: bool = False

    def told(self, file: str) -> str:
        """As the command line prints it."""
        return f"{file}:{self.line}: {'warning: ' if self.is_warning else ''}{self.what}"


def did_you_mean(word: object, candidates: Iterable[str]) -> str:
    """`; did you mean 'sdm120'?`, or nothing when no candidate is near."""
    near = difflib.get_close_matches(str(word), sorted(candidates), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def line_of(document: Any, place: Place) -> int:
    """The line (from 1) of what stands at `place`, or of the nearest that exists around it."""
    line = 0
    for key in place:
        if isinstance(document, CommentedMap) and key in document:
            line = document.lc.key(key)[0]
            document = document[key]
        elif isinstance(document, CommentedSeq) and isinstance(key, int) and key < len(document):
            line = document.lc.item(key)[0]
            document = document[key]
        # else: a name of pydantic's own in the path (a member of a union), or a key that is missing
    return line + 1


def of_validation(error: ValidationError, document: Any, around: Place, schema: Mapping[str, Any]) -> list[Problem]:
    """The mistakes pydantic found below `around`, each with its line; `schema` gives the keys that could have been meant."""
    found: dict[tuple[int, str], Problem] = {}
    for entry in error.errors(include_url=False):
        place = around + tuple(part for part in entry["loc"] if not _is_internal(part))
        line = line_of(document, place)
        what = _what(entry, ".".join(map(str, place)), schema, tuple(entry["loc"]))
        found.setdefault((line, what), Problem(line, what))
    return list(found.values())


def _is_internal(part: str | int) -> bool:
    """Union members and `[key]` marks in pydantic's paths are not in the file."""
    return isinstance(part, str) and (part == "[key]" or part[:1].isupper() or "[" in part or part in {"str", "dict", "list"})


def _what(entry: Any, where: str, schema: Mapping[str, Any], place: Place) -> str:
    kind, given = entry["type"], entry.get("input")
    if kind == "extra_forbidden":
        return f"{where}: no such key{did_you_mean(place[-1], keys_at(schema, place[:-1]))}"
    if kind == "missing":
        return f"{where}: is missing"
    if kind in {"literal_error", "enum"}:
        expected = str(entry["ctx"]["expected"])
        meant = did_you_mean(given, re.findall("'([^']*)'", expected))
        return f"{where}: {given!r} is not one of {expected}{meant}"
    if kind == "string_pattern_mismatch":
        return f"{where}: {given!r} does not fit the pattern {entry['ctx']['pattern']}"
    message = entry["msg"].removeprefix("Value error, ")
    shown = f" (here: {given!r})" if isinstance(given, str | int | float) and kind != "value_error" else ""
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"


def keys_at(schema: Mapping[str, Any], place: Sequence[str | int]) -> set[str]:
    """The keys that a JSON Schema allows at `place`."""
    nodes = [schema]
    for part in place:
        nodes = [below for node in nodes for below in _below(_resolved(node, schema), part)] or nodes
    return {key for node in nodes for variant in _resolved(node, schema) for key in variant.get("properties", {})}


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "$ref" in node:
        return _resolved(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    variants = node.get("anyOf") or node.get("oneOf")
    return [inner for variant in variants for inner in _resolved(variant, schema)] if variants else [node]


def _below(nodes: list[Mapping[str, Any]], part: str | int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for node in nodes:
        if part in node.get("properties", {}):
            found.append(node["properties"][part])
        elif isinstance(below := node.get("items" if isinstance(part, int) else "additionalProperties"), dict):
            found.append(below)
        elif isinstance(part, str):
            found += node.get("patternProperties", {}).values()
    return found
