"""The JSON Schema of `branch.yaml`: its sections, and under `devices` the settings of every driver there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import models_json_schema

from devices.driver import DriverSettings, find, names
from edge.config.sections import Document

_LOG = logging.getLogger(__name__)
_LINKS = ("link", "printer")


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12, for editors and for programs that write the file."""
    drivers = dict(_settings())
    by_model, all_of_them = models_json_schema([(Document, "validation"), *((d, "validation") for d in drivers.values())])
    document = _taken(by_model[Document, "validation"]["$ref"], all_of_them)
    variants = [_variant(name, _taken(by_model[settings, "validation"]["$ref"], all_of_them)) for name, settings in drivers.items()]
    for section in document["properties"].values():
        if "patternProperties" in section:
            section["additionalProperties"] = False  # a key that is no id
    devices = document["properties"]["devices"]
    devices["patternProperties"] = {key: {"oneOf": variants} for key in devices["patternProperties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "branch.yaml",
        **{key: value for key, value in document.items() if key != "title"},
        "$defs": all_of_them["$defs"],
    }


def _settings() -> Iterator[tuple[str, type[DriverSettings]]]:
    """Every driver's; one from outside that cannot be imported is told, and left out."""
    for name in names():
        try:
            yield name, find(name).settings
        except LookupError as error:
            _LOG.warning("%s", error.args[0])


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
