"""Payloads: documents, words and pointers into them (the examples of RFC 6901)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.payload import ABSENT, PayloadError, at, document, encoded, holding, valid

RFC_6901 = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", RFC_6901),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", ABSENT),
        ("/foo/-", ABSENT),
        ("/foo/00", ABSENT),
        ("/foo/٣", ABSENT),
        ("/foo/0/x", ABSENT),
        ("/none", ABSENT),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, found: object) -> None:
    assert at(RFC_6901, pointer) == found


@pytest.mark.parametrize(("written", "pointer"), [("", ""), ("/a", "/a"), ("a", "/a"), ("a/b", "/a/b"), ("/~0~1", "/~0~1")])
def test_a_bare_key_is_a_pointer(written: str, pointer: str) -> None:
    assert valid(written) == pointer


@pytest.mark.parametrize("written", ["/a~", "/~2", "~"])
def test_what_is_no_pointer(written: str) -> None:
    with pytest.raises(ValueError, match="JSON pointer"):
        valid(written)


@pytest.mark.parametrize(
    ("payload", "found"),
    [(b"7", 7), (b" 21.5\n", 21.5), (b"true", True), (b"ON", "ON"), (b'{"a": []}', {"a": []}), ("厅".encode(), "厅")],
)
def test_what_a_payload_is(payload: bytes, found: object) -> None:
    assert document(payload) == found


@pytest.mark.parametrize("payload", [b"", b"  ", b"\xff", b"{", b'"', b"[" * 9999, b"a\x00b", b"x" * 101, b"[" + b"1," * 40_000 + b"1]"])
def test_what_none_is(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        document(payload)


@given(st.binary(max_size=500))
def test_no_payload_breaks_it(payload: bytes) -> None:
    try:
        found = document(payload)
    except PayloadError:
        return
    assert at(found, "/no/such/place") is ABSENT


@given(st.lists(st.text(max_size=5), max_size=4), st.integers() | st.text() | st.booleans())
def test_what_is_put_at_a_pointer_stands_there(keys: list[str], put: object) -> None:
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
    assert at(holding(put, pointer), pointer) == put


def test_how_documents_go_out() -> None:
    assert encoded("ON") == b"ON"
    assert encoded(25.5) == b"25.5"
    assert encoded(False) == b"false"
    assert json.loads(encoded({"brightness": 127})) == {"brightness": 127}
