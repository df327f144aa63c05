"""Answers: JSON as the page's server gives it, and an error that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response


def answered(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object; never kept by a browser."""
    return Response(msgspec.json.encode(body), status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json")


def refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the form of every answer to a request."""
    return answered({"status": "error", "error": why, "data": {}}, status, headers)
