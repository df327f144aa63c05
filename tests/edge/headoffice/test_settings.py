"""Head office's file: an empty one is valid, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.load import ConfigError
from edge.headoffice.settings import Settings, load

EXAMPLE = """\
mqtt:
  url: mqtt://127.0.0.1:1883
  password: ${HQ_PASSWORD}
database:
  url: sqlite:///headoffice.db
web:
  listen: 127.0.0.1:8090
branches:
  nanjing-road: {name: 南京路支行, region: 上海, timezone: Asia/Shanghai}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "hq.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_valid_and_stays_on_loopback(tmp_path: Path, text: str) -> None:
    settings, warnings = load(written(tmp_path, text))
    assert settings == Settings()
    assert warnings == []
    assert (settings.mqtt.broker().url, settings.database.url) == ("mqtt://127.0.0.1:1883", "sqlite:///headoffice.db")
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8090)


def test_reads_the_example_with_its_variables(tmp_path: Path) -> None:
    settings, warnings = load(written(tmp_path, EXAMPLE), {"HQ_PASSWORD": "secret"})
    assert settings.mqtt.broker().password == "secret"
    assert "secret" not in repr(settings.mqtt.broker())
    assert settings.branches["nanjing-road"].region == "上海"
    assert warnings == []
    _, warnings = load(written(tmp_path, EXAMPLE), {})
    assert [warning.told("hq.yaml")[:32] for warning in warnings] == ["hq.yaml:3: warning: password: th"]


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    wrong = EXAMPLE + "  bad id: {}\n"
    for right, mistaken in (("mqtt://", "http://"), ("sqlite:", "mysql:"), ("listen:", "lisen:"), ("Asia/Shanghai", "Asia/X")):
        wrong = wrong.replace(right, mistaken)
    with pytest.raises(ConfigError) as told:
        load(written(tmp_path, wrong), {"HQ_PASSWORD": "x"})
    lines = str(told.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "5", "7", "9", "10"]
    assert "did you mean 'listen'" in lines[2]


@pytest.mark.parametrize(("text", "what"), [("a: [", "YAML"), ("- 1", "no sections"), ("\0", "")])
def test_what_is_no_file_of_ours_is_told(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(written(tmp_path, text))
    assert what in str(told.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")
