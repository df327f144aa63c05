"""`smartbranch count`: a recording through the same pipeline as a camera."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from devices.camera import CameraSettings
from devices.driver import DriverError
from edge.vision.recording import Count, count
from edge.vision.render import Renderer, RenderError
from edge.vision.truth import Truth, TruthError, compare, read
from models.catalog import Catalog
from models.manifest import ModelError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", help="a recording: a file, or a folder of pictures")
    parser.add_argument("--line", action="append", default=[], metavar="NAME=X1,Y1,X2,Y2", help="a line to count at; coordinates 0 to 1")
    parser.add_argument(
        "--zone", action="append", default=[], metavar="NAME=X,Y;X,Y;X,Y", help="a zone to measure dwell in; coordinates 0 to 1"
    )
    parser.add_argument("--model", default="auto", metavar="NAME", help="a detector of `models list` (the best one on this box)")
    parser.add_argument("--view", default="oblique", choices=["oblique", "overhead"], help="where the camera looks from (oblique)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="look at every Nth picture (each)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--render", type=Path, metavar="OUT.mp4", help="write the recording with boxes, tracks and counts")
    parser.add_argument("--truth", type=Path, metavar="TRUTH.json", help="report the accuracy against a truth file")


def run(arguments: argparse.Namespace) -> int:
    """Count, print, and 0; 1 where the video, the model or an argument cannot be used, or the video breaks off."""
    try:
        counted, truth = _count(arguments)
    except (ValueError, DriverError, ModelError, TruthError, RenderError) as error:
        print(f"smartbranch count: {error}", file=sys.stderr)
        return 1
    accuracy = compare(counted, truth) if truth else None
    if arguments.json:
        print(json.dumps(counted.told() | ({"truth": accuracy} if accuracy else {})))
    else:
        print("\n".join(_lines(counted, accuracy)))
    if counted.incomplete:
        print(f"smartbranch count: {counted.incomplete}; what is counted is what it shows until then", file=sys.stderr)
    return 1 if counted.incomplete else 0


def _count(arguments: argparse.Namespace) -> tuple[Count, Truth | None]:
    if arguments.every < 1:
        raise ValueError(f"--every {arguments.every}: give 1 or more")
    settings = _settings(arguments)
    truth = read(arguments.truth) if arguments.truth else None
    detector = Catalog().open(arguments.model, settings.view, threads=1)
    with ExitStack() as open_files:
        renderer = open_files.enter_context(Renderer(arguments.render, settings, arguments.every)) if arguments.render else None
        longest_px = None if renderer else detector.longest_px
        shown = renderer.show if renderer else None
        work = count(settings, detector.detect, detector.name, every=arguments.every, longest_px=longest_px, shown=shown)
        return asyncio.run(work), truth


def _settings(arguments: argparse.Namespace) -> CameraSettings:
    lines = {name: {"points": points} for name, points in (_named(text, "--line", ",") for text in arguments.line)}
    zones = dict(_named(text, "--zone", ";") for text in arguments.zone)
    try:
        return CameraSettings.model_validate({"url": arguments.video, "view": arguments.view, "lines": lines, "zones": zones})
    except ValidationError as error:
        told = (f"{' '.join(str(part) for part in one['loc'][:2])}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise ValueError("; ".join(told)) from error


def _named(text: str, option: str, between: str) -> tuple[str, list[Any]]:
    """`name=…` as a name and points: of a line four numbers, of a zone pairs of them."""
    name, _, rest = text.partition("=")
    try:
        numbers = [float(number) for number in rest.replace(between, ",").split(",")]
    except ValueError:
        numbers = []
    wanted = "NAME=X1,Y1,X2,Y2" if option == "--line" else "NAME=X,Y;X,Y;X,Y"
    if not name or len(numbers) % 2 or len(numbers) < 4 or (option == "--line" and len(numbers) != 4):
        raise ValueError(f"{option} {text}: write {wanted}, with coordinates from 0 to 1")
    return name, list(zip(numbers[::2], numbers[1::2], strict=True))


def _lines(counted: Count, accuracy: dict[str, Any] | None) -> list[str]:
    told = counted.told()
    lines = [f"{counted.frames} pictures at {counted.fps:g}/s, {counted.detector}, {told['cpu_ms_per_frame']:.1f} ms of CPU a picture"]
    lines += [f"line {name}: {line['in']} in, {line['out']} out" for name, line in told["lines"].items()]
    for name, zone in told["zones"].items():
        dwell = f", dwell {zone['mean']:.1f} s on average, {zone['max']:.1f} s at most" if zone["dwell_s"] else ""
        lines.append(f"zone {name}: {len(zone['dwell_s'])} visits{dwell}")
    if counted.blind_s:
        lines.append(f"the camera could not see for {counted.blind_s:.0f} s; nobody was counted then")
    if accuracy:
        for name, line in accuracy["lines"].items():
            lines.append(f"against the truth, line {name}: precision {line['precision']}, recall {line['recall']}, F1 {line['f1']}")
        lines += [f"against the truth, zone {n}: dwell off by {a['max_abs_error_s']} s at most" for n, a in accuracy["zones"].items()]
    return lines
