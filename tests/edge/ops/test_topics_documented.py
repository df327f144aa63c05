"""Every topic and verb is in docs/topics.md, and every payload is as docs/topics.asyncapi.yaml has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from ruamel.yaml import YAML

from devices.reading import Quality
from edge.branch.state import BranchState, CounterState, QueueState
from edge.forecast.wait import Forecast, Wait
from edge.ops.requests import VERBS, response
from edge.ops.topics import payloads
from edge.rules.decision import Advice
from tests.edge.branch.branches import NINE
from tests.edge.web.serving import both, plan, state

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "topics.md").read_text(encoding="utf-8")
API: dict[str, Any] = YAML(typ="safe").load((DOCS / "topics.asyncapi.yaml").read_text(encoding="utf-8"))


def told(full: bool) -> dict[str, Any]:
    """Every kind of topic that follows from the state, of a branch where all is known, or nothing."""
    queue = QueueState(counters={"1": CounterState("serving", "A001", NINE)})
    so = msgspec.structs.replace(state(), queue=queue) if full else BranchState()
    forecast = Forecast({"personal": Wait(60.0, 120.0)}) if full else Forecast()
    advice = (Advice("open-2", both("x"), both("y"), NINE + 60),) if full else ()
    found: dict[str, Any] = json.loads(msgspec.json.encode(payloads(plan(), so, forecast, advice, NINE)))
    return found


def test_every_topic_has_a_heading() -> None:
    kinds = {topic.partition("/")[0] for topic in told(full=True)} | {"status", "uplink", "event", "capture"}
    headed = set(re.findall(r"^### `([a-z]+)", PAGE, re.MULTILINE))
    assert kinds == headed
    assert {channel["address"].split("/")[2] for channel in API["channels"].values()} == kinds | {"request", "response"}


def test_every_verb_has_a_row_and_no_other_does() -> None:
    assert re.findall(r"^\| `([a-z_]+)` \|", PAGE.split("## What can be asked")[1], re.MULTILINE) == list(VERBS)
    assert API["channels"]["request"]["parameters"]["verb"]["enum"] == list(VERBS)


def test_every_key_is_named() -> None:
    of_plant = {"temperature_c", "mode", "setpoint_c"}
    keys = {key for topic, payload in told(full=True).items() for key in payload} | of_plant
    assert sorted(key for key in keys if f"`{key}`" not in PAGE) == []


@pytest.mark.parametrize("full", [True, False])
def test_every_payload_is_as_the_api_has_it(full: bool) -> None:
    assert {quality.value for quality in Quality} == set(API["components"]["schemas"]["quality"]["enum"])
    for topic, payload in told(full).items():
        check(topic.partition("/")[0], payload)


@pytest.mark.parametrize(
    "answer", [response("ok", 7, "2026-11-24T09:00:00+08:00", data={"ticket": "A001"}), response("error", None, "t", error="no")]
)
def test_an_answer_is_as_the_api_has_it(answer: bytes) -> None:
    check("response", json.loads(answer))


def test_the_check_can_fail() -> None:
    payload = told(full=True)["counter/1"]
    for wrong in ({**payload, "state": "asleep"}, {**payload, "new": 1}, {key: value for key, value in payload.items() if key != "ticket"}):
        with pytest.raises(jsonschema.ValidationError):
            check("counter", wrong)


def check(kind: str, payload: Any) -> None:
    schema = {**API["components"]["messages"][kind]["payload"], "components": API["components"]}
    jsonschema.Draft202012Validator(schema).validate(payload)
