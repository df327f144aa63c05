"""`smartbranch replay`: recorded bytes through the same drivers and rules as the daemon; prints the events."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.config.load import ConfigError, load
from edge.replay import ReplayError, recording, replay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the branch's file")
    parser.add_argument("recording", type=Path, help="what `smartbranch capture` wrote")
    parser.add_argument("--json", action="store_true", help='one JSON object, {"events": […]}')


def run(arguments: argparse.Namespace) -> int:
    """0, or 1 when the file or the recording cannot be used."""
    try:
        events = replay(load(arguments.file), list(recording(arguments.recording)))
    except (ConfigError, ReplayError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{arguments.recording}: {error.strerror}", file=sys.stderr)
        return 1
    lines = [event.decode() for event in events]
    print('{"events": [' + ", ".join(lines) + "]}" if arguments.json else "\n".join(lines))
    return 0
