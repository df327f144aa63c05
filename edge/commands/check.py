"""`smartbranch check`: every mistake of a file at once, and with `--connect` whether each device answers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from edge.config.load import ConfigError, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")
    parser.add_argument("--connect", action="store_true", help="also try each device and camera, and print a line each")


def run(arguments: argparse.Namespace) -> int:
    """0 when the file is sound (and, with `--connect`, every device answered); 1 otherwise."""
    try:
        config = load(arguments.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in config.warnings:
        print(warning.told(config.path.name), file=sys.stderr)
    print(f"{config.path.name}: sound; {len(config.settings)} devices, {len(config.document.cameras)} cameras")
    if not arguments.connect:
        return 0
    from edge.connect import tried  # noqa: PLC0415 (opens the wires; not needed to check a file)

    answers = asyncio.run(tried(config))
    for device, (answered, what) in answers.items():
        print(f"{'ok ' if answered else 'NOT'} {device}: {what}")
    return 0 if all(answered for answered, _ in answers.values()) else 1
