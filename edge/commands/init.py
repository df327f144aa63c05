"""`smartbranch init`: a commented branch.yaml to begin from, and its schema for editors."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from edge.config.schema import schema

_TEMPLATE: Final = Path(__file__).parent.parent / "config" / "branch.template.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where to write it (here)")


def run(arguments: argparse.Namespace) -> int:
    """Write branch.yaml and branch.schema.json; a file that is there is never written over."""
    file, beside = arguments.folder / "branch.yaml", arguments.folder / "branch.schema.json"
    if file.exists():
        print(f"{file} is there already; it is left as it is", file=sys.stderr)
        return 1
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        file.write_text(_TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        beside.write_text(json.dumps(schema(), ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        print(f"{arguments.folder}: {error.strerror}; choose a folder that is yours to write", file=sys.stderr)
        return 1
    print(f"wrote {file}; edit it, then: smartbranch check {file} && smartbranch run {file}")
    return 0
