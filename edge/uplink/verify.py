"""Verify: whether an order of head office is genuine, ours, in time and new; pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container, Mapping
from datetime import datetime

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.uplink.envelope import Command


def signed_part(command: Command) -> bytes:
    """What is signed: the message without `signature`, in the canonical form of RFC 8785.

    Raises:
        ValueError: it has no canonical form (a number that JSON readers do not share).
    """
    parts = msgspec.to_builtins(command)
    del parts["signature"]
    return rfc8785.dumps(parts)


def sign(command: Command, key: Ed25519PrivateKey) -> Command:
    """The command with its signature, as head office sends it."""
    return msgspec.structs.replace(command, signature=base64.b64encode(key.sign(signed_part(command))).decode())


def refusal(command: Command, *, branch: str, keys: Mapping[str, bytes], seen: Container[str], now: float) -> str | None:
    """Why the command is not done, or None.

    Args:
        branch: our own id.
        keys: name -> raw public key of Ed25519 (32 bytes), those that we trust.
        seen: ids that were answered before.
        now: unix seconds.
    """
    if command.branch != branch:
        return f"is for branch {command.branch[:64]!r}"
    if command.key not in keys:
        return f"is signed with key {command.key[:64]!r}, which is not trusted here"
    if not _is_genuine(command, keys[command.key]):
        return "has a wrong signature"
    if command.id in seen:
        return "has come before"
    return _out_of_time(command.expires, now)


def _is_genuine(command: Command, key: bytes) -> bool:
    try:
        signature = base64.b64decode(command.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed_part(command))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _out_of_time(expires: str, now: float) -> str | None:
    try:
        until = datetime.fromisoformat(expires)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        return f"has no moment with an offset in expires: {expires[:40]!r}"
    return f"expired at {expires}" if until.timestamp() <= now else None
