"""`smartbranch schema`: the JSON Schema of branch.yaml."""

from __future__ import annotations

import argparse
import json

from edge.config.schema import schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None: it prints all there is."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    del arguments
    print(json.dumps(schema(), ensure_ascii=False, indent=1))
    return 0
