"""Runs every benchmark and writes what came, with its command, as docs/performance.md: `python -m tests.bench FILE`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("smartbranch"))
DATA = os.environ.get("SMARTBRANCH_TEST_DATA")


def run(*words: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """The JSON object that a command prints."""
    done = subprocess.run([PROGRAM, *words, "--json"], capture_output=True, text=True, check=False, env=os.environ | (environment or {}))
    print(f"smartbranch {' '.join(words)}: exit {done.returncode}", file=sys.stderr)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(*cells: object) -> str:
    return "| " + " | ".join("not known" if cell is None else str(cell) for cell in cells) + " |"


def table(*rows: tuple[object, ...]) -> str:
    head, *rest = rows
    return "\n".join([row(*head), "|" + "---|" * len(head), *(row(*cells) for cells in rest)])


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def latency(full: list[str]) -> str:
    found = run("bench", "latency", *full)
    topic, display, alone = found["press_to_topic_ms"], found["press_to_display_ms"], found["peers"]["publish_acknowledged_ms"]
    return table(
        ("from a press on the counter bus, 8 counters busy", "p50 ms", "p99 ms", "goal p99 ms"),
        (f"to its topic on {found['broker']}, committed first", topic["p50"], topic["p99"], 20),
        ("to the display's last byte at 9600 baud", display["p50"], display["p99"], 100),
        (f"beside it: {found['broker']} alone, one QoS 1 publish", alone["p50"], alone["p99"], ""),
    )


def endurance(_full: list[str]) -> str:
    found = run("bench", "endurance", "--full")  # ten minutes: whether memory is flat shows in no less
    return table(
        ("the daemon on one core", "figure", "goal"),
        ("start to the first reading shown", f"{found['start_s']} s", "1 s"),
        ("idle, 220 devices configured", f"{found['idle_cpu_pct']} % of a core", "2 %"),
        (f"{found['samples_per_s']} samples/s and {found['occurrences_per_s']} occurrences/s", f"{found['cpu_pct']} % of a core", "100 %"),
        ("memory under that load, no vision", f"{found['rss_mb']} MB", "100 MB"),
        ("its slope over the last two thirds", f"{found['rss_slope_mb_per_min']} MB/min", "flat"),
        ("tickets issued, kept", f"{found['tickets']}, {found['tickets_kept']}", "the same"),
    )


def sync(full: list[str]) -> str:
    found = run("bench", "sync", *full)
    peers = [(f"peer: {name}", json.dumps(figures), "") for name, figures in found["peers"].items()]
    return table(
        ("events committed at head office, over a real broker", "figure", "goal"),
        ("ours", f"{found['events_per_s']:,.0f}/s, {found['lost']} lost, {found['duplicated']} twice", "none lost, none twice"),
        *peers,
    )


def forecast(full: list[str]) -> str:
    found = run("bench", "forecast", *full)
    peers = ["queue_length", "last_to_enter_service", "head_of_line", "rolling_mean"]
    rows = [
        (
            f"seed {seed}",
            one["calls"],
            round(one["mae_s"]),
            round(one["p90_coverage"], 3),
            *(round(one["baselines"][peer]) for peer in peers),
        )
        for seed, one in found["seeds"].items()
    ]
    all_ = ("all", found["calls"], round(found["mae_s"]), round(found["p90_coverage"], 3), *(round(found["peers"][peer]) for peer in peers))
    return table(
        ("branch", "customers who waited", "ours: mean absolute error, s", "p90 coverage", *(f"{peer}, s" for peer in peers)), *rows, all_
    )


def climate(full: list[str]) -> str:
    found = run("bench", "climate", *full)
    rows = [
        (name, one["cost_kwh"]["ours"], one["cost_kwh"]["schedule"], one["cost_kwh"]["best_in_hindsight"], one["gap_closed"])
        for name, one in found["by_scenario"].items()
    ]
    head = ("scenario", "ours, kWh", "schedule thermostat, kWh", "best fixed settings in hindsight, kWh", "gap closed")
    return table(head, *rows) + f"\n\nGap closed over all: {found['gap_closed']}."


def vision(full: list[str]) -> str:
    if not DATA:
        return "Not measured in this run: SMARTBRANCH_TEST_DATA names no folder with the recording and the network."
    with tempfile.TemporaryDirectory() as models:
        place = {"SMARTBRANCH_MODELS": models}
        subprocess.run([PROGRAM, "models", "add", f"{DATA}/yolox_nano.onnx"], check=True, env=os.environ | place, stdout=subprocess.DEVNULL)
        found = run("bench", "vision", *full, environment=place)
        counted = [count(every, place) for every in (1, 3)]
    lines = [
        (f"every {every}", *(f"{line['in']} in, {line['out']} out" for line in one["lines"].values()), one["cpu_ms_per_frame"])
        for every, one in zip((1, 3), counted, strict=True)
    ]
    head = ("the recording `one-by-one-person-detection.mp4`", *counted[0]["lines"], "CPU ms a picture")
    truth = ("truth", "6 in, 0 out", "6 in, 0 out", "")
    (peer, theirs), *_ = found["peers"].items()
    cost = [
        (f"{kind}, {rows} rows", ms, theirs["cpu_ms_per_frame"][kind][rows])
        for kind, by_rows in found["cpu_ms_per_frame"].items()
        for rows, ms in by_rows.items()
    ]
    tracking = ("tracking 50 people", found["tracking_50_people_ms"], theirs["tracking_50_people_ms"])
    peer_table = table(("CPU ms a picture that the camera delivers", "ours", peer), *cost, tracking)
    return table(head, *lines, truth) + "\n\n" + peer_table


def count(every: int, place: dict[str, str]) -> dict[str, Any]:
    lines = ("--line", "entry=0.1302,0.5787,0.7292,0.5787", "--line", "exit=0.78125,0,0.78125,1")
    zone = ("--zone", "table=0.4297,0.1389;0.7813,0.1389;0.7813,0.7639;0.4297,0.7639")
    truth = ("--truth", f"{DATA}/one-by-one-person-detection.truth.json")
    return run("count", f"{DATA}/one-by-one-person-detection.mp4", *lines, *zone, *truth, "--every", str(every), environment=place)


SECTIONS = {
    "latency": ("Press to screen", latency),
    "endurance": ("The daemon", endurance),
    "sync": ("The line to head office", sync),
    "vision": ("People counted", vision),
    "forecast": ("Waiting times", forecast),
    "climate": ("Air", climate),
}


def main() -> None:
    """Measure and write; `--full` for the longer forms."""
    target, full = Path(sys.argv[1]), sys.argv[2:]
    parts = [
        "# Performance",
        "Measured, each beside its peer or baseline in the same run; made by `make bench`, which writes this page anew.",
        f"{datetime.now(UTC):%Y-%m-%d}; {machine()}.",
    ]
    for name, (title, measure) in SECTIONS.items():
        command = f"smartbranch bench {name}" + (" --full" if full or name == "endurance" else "")
        parts += [f"## {title}", f"`{command}`", measure(full)]
    target.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
