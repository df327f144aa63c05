"""The systemd units: how exposed they leave a box, and that the daemon, its cameras and head office work inside of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.simulated.broker import EmbeddedBroker
from devices.simulated.video import write_video
from tests.conftest import free_port
from tests.deploy.conftest import REPOSITORY
from tests.deploy.sandbox import allowed, values

SYSTEMD = REPOSITORY / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
SANDBOX = Path(__file__).with_name("sandbox.py")
NEWER = ("RestartSteps", "RestartMaxDelaySec")  # since systemd 254, ignored before
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt install systemd)")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_exposure_is_low(unit: Path) -> None:
    command = ["systemd-analyze", "--no-pager", "security", "--offline=yes", "--threshold=20", unit]  # tenths
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", told.stdout)
    if exposure is None:
        pytest.skip(f"this systemd-analyze judges no files: {told.stderr.strip()[:200]}")
    assert float(exposure[1]) <= 2.0, told.stdout
    assert told.returncode == 0


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_every_line_is_one_that_systemd_knows(unit: Path, tmp_path: Path) -> None:
    installed = tmp_path / unit.name
    there = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    installed.write_text(there, encoding="utf-8")
    told = subprocess.run(["systemd-analyze", "--no-pager", "verify", installed], capture_output=True, text=True, check=False).stderr
    mistakes = [line for line in told.splitlines() if unit.name in line and not any(f"'{key}'" in line for key in NEWER)]
    assert mistakes == []


def test_a_camera_or_serial_adapter_can_be_reached() -> None:
    unit = SYSTEMD / "smartbranch.service"
    assert {value.split()[0] for value in values(unit, "DeviceAllow")} == {"char-ttyUSB", "char-ttyACM", "char-video4linux"}
    assert values(unit, "SupplementaryGroups") == ["dialout video"]
    assert values(unit, "PrivateDevices") == []


@needs_systemd
def test_the_filter_leaves_what_is_needed_and_not_what_is_dangerous() -> None:
    calls = allowed(SYSTEMD / "smartbranch.service")
    assert {"execve", "clone", "memfd_create", "socketpair", "fdatasync", "prctl"} <= calls
    assert not calls & {"mount", "ptrace", "bpf", "init_module", "reboot", "setuid", "chown", "kexec_load", "sched_setaffinity"}


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end of a service's notifications; its path is `getsockname()`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def confined(unit: str, *words: str | Path) -> list[str]:
    command = [sys.executable, str(SANDBOX), str(SYSTEMD / unit)]
    tried = subprocess.run([*command, "/bin/true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no sandbox here: {tried.stderr.strip()[-200:]}")
    return [*command, sys.executable, *map(str, words)]


def run_until_ready(command: list[str], notified: socket.socket, log: Path) -> str:
    """Start it as systemd would, wait until it is ready and feeds the watchdog, stop it; what it logged."""
    environment = os.environ | {"NOTIFY_SOCKET": notified.getsockname(), "WATCHDOG_USEC": "200000"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=file, stderr=file)
    try:
        for expected in (b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"):
            assert notified.recv(1000) == expected
    except TimeoutError:
        pytest.fail(f"said nothing to systemd: {log.read_text(encoding='utf-8')[-2000:]}")
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
    assert status == 0, log.read_text(encoding="utf-8")
    return log.read_text(encoding="utf-8")


@needs_systemd
def test_the_daemon_runs_confined_with_everything_else_down(notified: socket.socket, tmp_path: Path) -> None:
    write_video(tmp_path / "door.mp4", 5.0, 3)
    file = tmp_path / "branch.yaml"
    file.write_text(
        f"branch: {{id: east}}\nmqtt: {{url: 'mqtt://127.0.0.1:{free_port()}'}}\nweb: {{listen: '127.0.0.1:{free_port()}'}}\n"
        f"headoffice: {{url: 'mqtt://127.0.0.1:{free_port()}'}}\n"
        "services: {personal: {prefix: A}}\ncounters: {'1': {services: [personal]}}\n"
        "devices: {callers: {driver: counter_bus, link: {serial: /dev/absent}, counters: {1: '1'}}}\n"
        f"cameras: {{door: {{url: '{tmp_path / 'door.mp4'}', view: overhead, lines: {{d: {{points: [[0.1, 0.5], [0.9, 0.5]]}}}}}}}}\n",
        encoding="utf-8",
    )
    said = run_until_ready(confined("smartbranch.service", "-m", "edge.cli", "run", file), notified, tmp_path / "log")
    assert "Operation not permitted" not in said
    assert "Traceback" not in said
    assert (tmp_path / "smartbranch-data" / "branch.db").exists()


@needs_systemd
async def test_head_office_runs_confined(embedded_broker: EmbeddedBroker, notified: socket.socket, tmp_path: Path) -> None:
    file = tmp_path / "hq.yaml"
    file.write_text(f"mqtt: {{url: '{embedded_broker.url}'}}\nweb: {{listen: '127.0.0.1:0'}}\n", encoding="utf-8")
    said = run_until_ready(confined("smartbranch-headoffice.service", "-m", "edge.cli", "headoffice", file), notified, tmp_path / "log")
    assert "Traceback" not in said


@needs_systemd
def test_people_are_counted_confined_as_they_are_outside(tmp_path: Path) -> None:
    video = tmp_path / "door.mp4"
    write_video(video, 15.0, 3)
    words = ("-m", "edge.cli", "count", video, "--view", "overhead", "--line", "door=0.1,0.5,0.9,0.5", "--json")
    counts, command = [], confined("smartbranch.service", *words)
    for each in (command, command[3:]):  # with and without the sandbox
        done = subprocess.run(each, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=50)
        assert done.returncode == 0, done.stderr
        counts.append(json.loads(done.stdout)["lines"])
    assert counts[0] == counts[1]
    assert counts[0]["door"]["crossings"]


NETWORK = """
import sys, mmap, numpy, onnx, onnxruntime
from onnx import helper, numpy_helper
weights = numpy_helper.from_array(numpy.ones((8, 3, 3, 3), numpy.float32), "w")
shapes = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "g", shapes[:1], shapes[1:], [weights])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
print(session.run(None, {"x": numpy.ones((1, 3, 64, 64), numpy.float32)})[0].sum())
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    print("confined")
"""


@needs_systemd
def test_a_network_needs_no_memory_that_is_written_and_run() -> None:
    done = subprocess.run(confined("smartbranch.service", "-c", NETWORK), capture_output=True, text=True, check=False, timeout=50)
    assert done.stdout.split() == [str(27.0 * 8 * 62 * 62), "confined"], done.stderr
