"""The JSON Schema of `branch.yaml`: its sections, and under `devices` the settings of every driver there is."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from devices.driver import find, names
from edge.config.sections import Document

_LINKS = ("link", "printer")


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12, for editors and for programs that write the file."""
    drivers = {name: find(name).settings for name in names()}
    by_model, all_of_them = models_json_schema([(Document, "validation"), *((d, "validation") for d in drivers.values())])
    document = _taken(by_model[Document, "validation"]["$ref"], all_of_them)
    variants = [_variant(name, _taken(by_model[settings, "validation"]["$ref"], all_of_them)) for name, settings in drivers.items()]
    document["properties"]["devices"]["additionalProperties"] = {"oneOf": variants}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "branch.yaml",
        **{key: value for key, value in document.items() if key != "title"},
        "$defs": all_of_them["$defs"],
    }


def _taken(reference: str, schemas: dict[str, Any]) -> dict[str, Any]:
    return dict(schemas["$defs"][reference.rsplit("/", 1)[-1]])


def _variant(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """One driver's settings beside its name; a link may be one of the file's `links` by its name."""
    properties = {
        key: {"anyOf": [{"type": "string", "description": "a name under `links`"}, value]} if key in _LINKS else value
        for key, value in settings.get("properties", {}).items()
    }
    return {
        **settings,
        "title": name,
        "properties": {"driver": {"const": name}, **properties},
        "required": ["driver", *settings.get("required", [])],
    }
