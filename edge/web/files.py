"""Files: the page itself, read once; nothing else on the disk can be asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_FOLDER: Final = Path(__file__).parent / "page"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class File(msgspec.Struct, frozen=True):
    """A file of the page: its bytes, what it is, and a mark of its contents."""

    body: bytes
    type: str
    mark: str


class Files:
    """The files by path; `build` changes when any of them does."""

    def __init__(self) -> None:
        """Read them; blocks on the disk."""
        self.by_path: Mapping[str, File] = {f"/{path.name}": _read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
        self.build = _mark("".join(file.mark for file in self.by_path.values()).encode())

    async def give(self, request: Request) -> Response:
        """A file; a browser that has it is told so."""
        path = request.url.path
        file = self.by_path["/index.html" if path == "/" else path]
        headers = {"etag": file.mark, "cache-control": "no-cache"}
        if file.mark in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers={**headers, "content-type": file.type})


def _read(path: Path) -> File:
    body = path.read_bytes()
    return File(body, _TYPES[path.suffix], _mark(body))


def _mark(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'
