"""Every driver over MQTT, Modbus and TCP has a page that names each of its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.driver import DriverSettings, find

PAGES = Path(__file__).parents[2] / "docs" / "drivers"
DRIVERS = ("modbus", "window_display", "mqtt_sensor", "mqtt_actuator", "people_counter", "terminal", "music", "ups")


@pytest.mark.parametrize("name", DRIVERS)
def test_the_page_names_every_setting(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    own = find(name).settings.model_fields.keys() - DriverSettings.model_fields.keys()
    settings = [find(name).settings.model_fields[field].alias or field for field in own]
    assert [setting for setting in settings if f"`{setting}`" not in page] == []
    assert f"driver: {name}" in page
