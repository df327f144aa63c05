"""Variables of a file: the environment, and before it what the service manager hands over as credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.load import load
from edge.config.variables import variables

DEVICES = "devices: {air: {driver: mqtt_sensor, link: {mqtt: a}, quantities: [co2_ppm]}}"
LINES = f"branch: {{id: x}}\n{DEVICES}\nmqtt: {{password: '${{MQTT_PASSWORD}}'}}\n"


@pytest.mark.parametrize("name", ["mqtt_password", "MQTT_PASSWORD"])
def test_a_credential_stands_for_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / name).write_text("from the credential\n", encoding="utf-8")
    (credentials / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    monkeypatch.setenv("MQTT_PASSWORD", "from the environment")
    file = tmp_path / "branch.yaml"
    file.write_text(LINES, encoding="utf-8")
    config = load(file)
    assert config.document.mqtt.password == "from the credential"
    assert config.warnings == ()


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    assert variables({"A": "b", "CREDENTIALS_DIRECTORY": str(tmp_path / "absent")})["A"] == "b"


def test_a_variable_that_is_nowhere_is_a_warning_that_says_where_to_put_it(tmp_path: Path) -> None:
    file = tmp_path / "branch.yaml"
    file.write_text(LINES, encoding="utf-8")
    (warning,) = load(file, {}).warnings
    assert warning.told("branch.yaml").startswith("branch.yaml:3: warning: password: the variable MQTT_PASSWORD is not set")
    assert "credential" in warning.what
