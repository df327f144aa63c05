"""Every limit, rule and alert stands in the page about rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.rules.limits import Limits

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_a_limit_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("rule", ["comfort", "fresh_air", "light", "music", "alerts", "staffing", "safety"])
def test_a_rule_is_documented(rule: str) -> None:
    assert f"`{rule}.py`" in PAGE
