"""The page wired: people at it may ask where only the box itself reaches it, unless the file says otherwise."""

from __future__ import annotations

import pytest

from edge.page_wiring import is_loopback


@pytest.mark.parametrize(
    ("listen", "only_ourselves"),
    [
        ("127.0.0.1:8080", True),
        ("127.9.9.9:8080", True),
        ("[::1]:8080", True),
        ("localhost:8080", True),
        ("0.0.0.0:8080", False),
        ("[::]:8080", False),
        ("192.0.2.5:8080", False),
        ("localhost.evil.example:80", False),
    ],
)
def test_loopback_is_only_loopback(listen: str, only_ourselves: bool) -> None:
    assert is_loopback(listen) is only_ourselves
