"""Verify: only what a trusted key signed, for us, in time, and for the first time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.uplink.envelope import Channel, Command, down_message, parse_down
from edge.uplink.verify import refusal, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {"k1": KEY.public_key().public_bytes_raw()}
NOW = datetime.fromisoformat("2026-11-24T09:30:00+08:00").timestamp()
COMMAND = Command("c-1", "nanjing-road", "陈", "set_climate", {"zone": "hall", "value": 25.5}, "hot", "2026-11-24T10:00:00+08:00", "k1", "")
SIGNED = sign(COMMAND, KEY)


def why(command: Command, *, now: float = NOW, seen: frozenset[str] = frozenset()) -> str | None:
    return refusal(command, branch="nanjing-road", keys=KEYS, seen=seen, now=now)


def test_a_genuine_order_is_taken_also_after_the_wire() -> None:
    over_the_wire = parse_down(Channel.COMMAND, down_message(SIGNED))
    assert isinstance(over_the_wire, Command)
    assert why(over_the_wire) is None


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "reload"},
        {"arguments": {"zone": "hall", "value": 26}},
        {"issuer": "wang"},
        {"expires": "2027-11-24T10:00:00+08:00"},
        {"id": "c-2"},
    ],
)
def test_any_change_breaks_the_signature(change: dict[str, Any]) -> None:
    assert why(msgspec.structs.replace(SIGNED, **change)) == "has a wrong signature"


@pytest.mark.parametrize("signature", ["", "!", "AAAA", SIGNED.signature[:-4]])
def test_no_signature_is_no_signature(signature: str) -> None:
    assert why(msgspec.structs.replace(SIGNED, signature=signature)) == "has a wrong signature"


def test_refusals_say_why() -> None:
    assert why(SIGNED, now=NOW + 3600) == "expired at 2026-11-24T10:00:00+08:00"
    assert why(SIGNED, seen=frozenset({"c-1"})) == "has come before"
    assert "another" in str(why(sign(msgspec.structs.replace(COMMAND, branch="another"), KEY)))
    assert "not trusted" in str(why(msgspec.structs.replace(SIGNED, key="k9")))
    assert "no moment" in str(why(sign(msgspec.structs.replace(COMMAND, expires="2026-11-24T10:00:00"), KEY)))
    assert why(msgspec.structs.replace(SIGNED, arguments={"value": 2**60})) == "has a wrong signature"  # has no canonical form
