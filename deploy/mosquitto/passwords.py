"""Passwords: random ones, and the lines of Mosquitto's password file for them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Final

_ROUNDS: Final = 101
"""As mosquitto_passwd does. More would slow the broker's one thread at each login, and protect nothing: these are 192 random bits."""
_SALT_BYTES: Final = 12  # Mosquitto before 2.0.16 takes no other length


def new_password() -> str:
    """One that needs no quoting in a shell, a URL or YAML."""
    return secrets.token_urlsafe(24)


def line(user: str, password: str) -> str:
    """`user:$7$rounds$salt$hash`: PBKDF2 with SHA-512, as mosquitto_passwd(1) writes it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"{user}:$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(derived).decode()}"
