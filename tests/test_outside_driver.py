"""A driver from outside, the one of `docs/writing-a-driver.md` and one that stumbles: found by entry point, checked, run, isolated."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Mosquitto
from tests.daemon import Adapter, Daemon, listening, running, until
from tests.edge.config.test_schema import outside
from tests.test_daemon import branch

PAGE = Path(__file__).parents[1] / "docs" / "writing-a-driver.md"
STUMBLES = """
from devices.driver import DriverSettings, driver
from devices.reading import Sample
import asyncio, pathlib

class Settings(DriverSettings):
    cured: str

@driver("stumbling", Settings)
async def run(settings, branch):
    branch.measured(Sample("co2_ppm", 812))
    if not pathlib.Path(settings.cured).exists():
        raise ZeroDivisionError("it divides by nothing")
    await asyncio.Event().wait()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a box on which both packages are installed."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    outside(packages, "lobby_thermometer", code)
    outside(packages, "stumbling", STUMBLES)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(packages), os.environ.get("PYTHONPATH"))))}


def smartbranch(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60, check=False)


def test_it_is_in_the_schema_and_checked_like_ours(tmp_path: Path, environment: dict[str, str]) -> None:
    (devices,) = json.loads(smartbranch(environment, "schema").stdout)["properties"]["devices"]["patternProperties"].values()
    (variant,) = (one for one in devices["oneOf"] if one["title"] == "lobby_thermometer")
    assert "offset_c" in variant["properties"]
    file = tmp_path / "branch.yaml"
    file.write_text("branch: {id: x}\ndevices:\n  t: {driver: lobby_thermometre, link: {serial: /dev/t}}\n", encoding="utf-8")
    assert "did you mean 'lobby_thermometer'?" in smartbranch(environment, "check", str(file)).stderr
    file.write_text("branch: {id: x}\ndevices:\n  t: {driver: lobby_thermometer, link: {serial: /dev/t}, ofset_c: 1}\n", encoding="utf-8")
    done = smartbranch(environment, "check", str(file))
    assert done.stderr == "branch.yaml:3: devices.t.ofset_c: no such key; did you mean 'offset_c'?\n"


def test_it_runs_and_one_that_stumbles_takes_nothing_with_it(tmp_path: Path, environment: dict[str, str], mosquitto: Mosquitto) -> None:
    line, cured = Adapter(tmp_path / "tty"), tmp_path / "cured"
    line.plug()
    devices = {
        "lobby": {"driver": "lobby_thermometer", "link": {"serial": str(line.path)}, "offset_c": 0.5, "zone": "hall"},
        "bad": {"driver": "stumbling", "cured": str(cured), "zone": "hall"},
    }
    daemon = Daemon(tmp_path, branch(mosquitto.port, devices), environment)
    with listening(mosquitto.port) as ear:
        ear.ready()
        with running(daemon, traces=1):
            told = ear.until("device/bad", lambda told: told["state"] == "faulty")
            assert told["reason"]["en"] == "its driver failed: it divides by nothing"

            def heard() -> bool:
                line.say(b"T=23.4\r\n")
                return bool(ear.topics.get("climate/hall", {}).get("temperature_c") == 23.9)

            until(heard)
            assert ear.topics["device/lobby"]["state"] == "online"
            assert ear.ask("set_climate", zone="hall", quantity="setpoint_c", value=22)["status"] == "ok"
            until(lambda: b"D=22" in line.heard())
            cured.touch()
            ear.until("device/bad", lambda told: told["state"] == "online", 40)
        assert daemon.log.count("bad: its driver failed") == 1
    line.unplug()
