"""Ctrl-C at the demo, as a terminal sends it: to every process at once; the sums are right all the same and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import free_port


@pytest.mark.timeout(120)
def test_ctrl_c_sums_up(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.cli", "demo", "--speed", "60", "--port", str(free_port()), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    try:
        while not (line := process.stderr.readline()).startswith("day "):
            assert line, "the demo ended before it had begun"
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=90)
    finally:
        children = [child for child in psutil.process_iter() if _group(child.pid) == process.pid]
        for child in children:
            child.kill()
    assert process.returncode == 0, said
    sums = json.loads(out)
    assert (sums["lost"], sums["duplicated"]) == (0, 0)
    assert [child.pid for child in children] == []


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
