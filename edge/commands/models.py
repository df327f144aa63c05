"""`smartbranch models`: the people detectors on this box, and those it could have."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec

from models.catalog import Catalog, Entry
from models.manifest import ModelError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="what is here, what could be, and which one is active")
    listed.add_argument("--json", action="store_true", help="print one JSON object")
    added = actions.add_parser("add", help="add a detector from its file")
    added.add_argument("file", type=Path, help="an .onnx file")
    pulled = actions.add_parser("pull", help="fetch a detector from where it is published")
    pulled.add_argument("name")
    removed = actions.add_parser("remove", help="take a detector off this box")
    removed.add_argument("name")


def run(arguments: argparse.Namespace) -> int:
    """0, or 1 where it cannot be done, with what to do."""
    catalog = Catalog()
    try:
        _act(arguments, catalog)
    except ModelError as error:
        print(f"smartbranch models: {error}", file=sys.stderr)
        return 1
    return 0


def _act(arguments: argparse.Namespace, catalog: Catalog) -> None:
    if arguments.action == "list":
        entries = catalog.list()
        print(json.dumps({"folder": str(catalog.place), "models": msgspec.to_builtins(entries)}) if arguments.json else _table(entries))
    elif arguments.action == "add":
        manifest, note = catalog.add(arguments.file)
        print(f"{manifest.name} ({manifest.licence}) is installed in {catalog.place}")
        if note:
            print(f"smartbranch models: {arguments.file}: {note}", file=sys.stderr)
    elif arguments.action == "pull":
        from models.pull import pull  # noqa: PLC0415 (reaches for the network; nothing else does)

        manifest = pull(catalog, arguments.name)
        print(f"{manifest.name} ({manifest.licence}) is installed in {catalog.place}")
    else:
        catalog.remove(arguments.name)
        print(f"{arguments.name} is removed from {catalog.place}")


def _table(entries: list[Entry]) -> str:
    rows = [("NAME", "STATE", "SIZE", "AP50", "CPU", "LICENCE", "GOOD FOR")]
    for entry in entries:
        size = f"{entry.size_bytes / 1e6:.1f} MB" if entry.size_bytes else "-"
        accuracy = f"{entry.ap50:.3f}" if entry.ap50 is not None else "-"
        cpu = f"{entry.cpu_ms:.1f} ms" if entry.cpu_ms is not None else "-"
        rows.append((entry.name, entry.state, size, accuracy, cpu, entry.licence, entry.good_for))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines + [f"{entry.name}: {entry.how}" for entry in entries if entry.how])
