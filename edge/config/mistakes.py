"""Mistakes: what pydantic finds wrong with a file, as one problem a mistake in words that say what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from edge.config.problems import Place, Problem, did_you_mean, has, line_of, near

Schema = Mapping[str, Any]
_KEY: Final = "[key]"
_WANTED: Final = {
    "string_type": "a text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2027-01-01",
    "date_parsing": "a date such as 2027-01-01",
    "date_from_datetime_parsing": "a date such as 2027-01-01",
}
_PATTERNS: Final = {r"^[a-z0-9-]+$": "small letters, digits and hyphens", r"^[A-Z]$": "one capital letter"}
_SECRET: Final = re.compile(r"password|secret|token|_key$")


class _Found(msgspec.Struct, frozen=True):
    """One finding: its place in what was given and in the schema, and the member of a union that it is a finding of."""

    place: Place
    schema_place: Place
    kind: str
    given: Any
    context: Mapping[str, Any]
    message: str
    union: Place | None = None
    member: str = ""

    @property
    def is_mismatch(self) -> bool:
        """Whether it says that all of a member of a union does not fit."""
        return self.union == self.place and self.kind in _WANTED


def of_validation(
    error: ValidationError, document: Any, around: Place, schema: Schema, given: Any = None, moved: Mapping[Place, Place] | None = None
) -> list[Problem]:
    """The mistakes pydantic found in `given` (None: what stands at `around`), each with its line in `document`.

    `schema` gives the keys that could have been meant; `moved` the places that stand elsewhere in the file.
    """
    problems: dict[Problem, None] = {}
    for mistake in _mistakes([_found(entry, document if given is None else given) for entry in error.errors(include_url=False)], schema):
        place = _moved(around + mistake[0].place, moved or {})
        problems[Problem(line_of(document, place), _what(mistake, ".".join(map(str, place)), schema))] = None
    return list(problems)


def _moved(place: Place, moved: Mapping[Place, Place]) -> Place:
    return next((there + place[len(here) :] for here, there in moved.items() if place[: len(here)] == here), place)


def _found(entry: Any, given: Any) -> _Found:
    """A finding of pydantic, its path taken apart: names of union members and marks are not in what was given."""
    place: Place = ()
    union, member = None, ""
    kind, loc = entry["type"], tuple(entry["loc"])
    for at, part in enumerate(loc):
        if part == _KEY:
            kind = f"{kind}{_KEY}"
        elif has(given, part):
            place, given = (*place, part), given[part]
        elif at == len(loc) - 1 and kind in {"missing", "extra_forbidden"}:
            place = (*place, part)
        elif union is None:
            union, member = place, str(part)
    return _Found(place, loc, kind, entry.get("input"), entry.get("ctx", {}), entry["msg"], union, member)


def _mistakes(found: Sequence[_Found], schema: Schema) -> Iterator[list[_Found]]:
    """One list a mistake: of a union what its nearest member says, and no key as missing that was only misspelt."""
    for union, grouped in groupby(found, lambda one: one.union):
        group = list(grouped)
        members = group if union is None else _nearest_member(group, schema)
        mismatches = [one for one in members if one.is_mismatch]
        if mismatches:
            yield mismatches
        misspelt = {(*one.place[:-1], near(one.place[-1], _siblings(one, schema))) for one in members if one.kind == "extra_forbidden"}
        yield from ([one] for one in members if not one.is_mismatch and not (one.kind == "missing" and one.place in misspelt))


def _nearest_member(found: list[_Found], schema: Schema) -> list[_Found]:
    """The findings of the member of a union that was probably meant; where none fits at all, those of every member."""
    by_member = {name: [one for one in found if one.member == name] for name in dict.fromkeys(one.member for one in found)}
    fitting = [of_one for of_one in by_member.values() if not any(one.is_mismatch for one in of_one)]
    return min(fitting, key=lambda of_one: _distance(of_one, schema)) if fitting else found


def _distance(found: list[_Found], schema: Schema) -> tuple[int, int]:
    strange = [one for one in found if one.kind == "extra_forbidden"]
    hinted = sum(near(one.place[-1], _siblings(one, schema)) is not None for one in strange)
    return len(strange) + sum(one.kind == "missing" for one in found) - 2 * hinted, len(found)


def _siblings(one: _Found, schema: Schema) -> set[str]:
    return keys_at(schema, one.schema_place[:-1])


def _what(mistake: list[_Found], where: str, schema: Schema) -> str:
    one = mistake[0]
    if one.kind.endswith(_KEY):
        said = _of_key(one)
    elif one.kind in _WANTED:
        said = _of_type([_WANTED[other.kind] for other in mistake], one)
    elif one.kind == "extra_forbidden":
        said = f"no such key{did_you_mean(one.place[-1], _siblings(one, schema))}"
    else:
        said = _SAID.get(one.kind, _in_words)(one)
    return f"{where}: {said}"


def _one_of(one: _Found) -> str:
    expected = str(one.context["expected"])
    meant = did_you_mean(one.given, re.findall("'([^']*)'", expected))
    return f"{one.given!r} is not one of {expected}{meant}"


def _in_words(one: _Found) -> str:
    return _plain(one.message) + ("" if one.kind == "value_error" else _here(one))


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return message[:1].lower() + message[1:]


def _of_key(one: _Found) -> str:
    if isinstance(one.given, str) and "pattern" in one.context:
        return _unfit(one)
    return f"a name is a text; write it in quotes, '{one.given}'" if not isinstance(one.given, str) else _plain(one.message)


def _unfit(one: _Found) -> str:
    pattern = one.context["pattern"]
    allowed, given = _PATTERNS.get(pattern), str(one.given)
    slug = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-")
    meant = f"; did you mean {slug!r}?" if slug and slug != given and re.fullmatch(pattern, slug) else ""
    return f"{given!r} does not fit; it takes {allowed}{meant}" if allowed else f"{given!r} does not fit the pattern {pattern}"


def _of_type(wanted: Iterable[str], one: _Found) -> str:
    words = list(dict.fromkeys(wanted))
    quoted = "; write it in quotes" if words == ["a text"] and isinstance(one.given, int | float | date) else ""
    return f"should be {' or '.join(words)}{_here(one)}{quoted}"


def _here(one: _Found) -> str:
    if one.given is None:
        return ", but nothing stands there"
    if any(isinstance(part, str) and _SECRET.search(part) for part in one.place):
        return ""
    return f" (here: {str(one.given)[:80]!r})" if isinstance(one.given, str | int | float | date) else ""


_SAID: Final[Mapping[str, Callable[[_Found], str]]] = {
    "missing": lambda _: "is missing",
    "literal_error": _one_of,
    "enum": _one_of,
    "string_pattern_mismatch": _unfit,
}


def keys_at(schema: Schema, place: Place) -> set[str]:
    """The keys that a JSON Schema allows at `place`, whose parts may name members of unions."""
    nodes = [schema]
    for part in place:
        resolved = [inner for node in nodes for inner in _resolved(node, schema)]
        members = [inner for inner in resolved if inner.get("title") == part]
        nodes = members or _below(resolved, part) or nodes
    return {key for node in nodes for variant in _resolved(node, schema) for key in variant.get("properties", {})}


def _resolved(node: Schema, schema: Schema) -> list[Schema]:
    if "$ref" in node:
        return _resolved(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    variants = node.get("anyOf") or node.get("oneOf")
    return [inner for variant in variants for inner in _resolved(variant, schema)] if variants else [node]


def _below(nodes: list[Schema], part: Any) -> list[Schema]:
    found: list[Schema] = []
    for node in nodes:
        if part in node.get("properties", {}):
            found.append(node["properties"][part])
        elif isinstance(below := node.get("items" if isinstance(part, int) else "additionalProperties"), dict):
            found.append(below)
        elif isinstance(part, str):
            found += node.get("patternProperties", {}).values()
    return found
