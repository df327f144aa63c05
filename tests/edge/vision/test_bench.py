"""The benchmark gives its contract's keys, and the peer counts what we count."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edge.vision import bench
from edge.vision.recording import cpu_seconds


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SMARTBRANCH_TEST_DATA", raising=False)
    monkeypatch.setattr(bench, "_PICTURES", 40)
    monkeypatch.setattr(bench, "_ROWS", (216,))


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")  # supervision's own line zone
@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("with_peer", [True, False])
def test_the_contract(monkeypatch: pytest.MonkeyPatch, with_peer: bool) -> None:
    if not with_peer:
        monkeypatch.setattr(bench, "_peer", lambda: None)
    elif importlib.util.find_spec("supervision") is None:
        pytest.skip("supervision is not installed (extra `bench`)")
    figures = bench.bench(full=False)
    assert figures["cpu_ms_per_frame"].keys() == {"busy", "quiet"}
    assert all(0 < cpu_ms < 1000 for by_rows in figures["cpu_ms_per_frame"].values() for cpu_ms in by_rows.values())
    ((name, peer),) = figures["peers"].items()
    assert ("ByteTrack" in name, peer == "not installed") == (with_peer, not with_peer)


def test_cpu_time_only_grows() -> None:
    before = cpu_seconds()
    sum(range(200_000))
    assert cpu_seconds() >= before
