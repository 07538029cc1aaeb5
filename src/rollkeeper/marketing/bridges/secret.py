"""A bridge's token, encrypted at rest: a copy of the database alone opens no CRM.

The key is in the home (`secrets/bridge-key`), not in the database. To change it, put a new line before the old
ones in that file: the first encrypts, all decrypt.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from rollkeeper.configuration import configuration


class SecretUnreadable(Exception):
    """The bridge's token was encrypted with a key that this home has not got."""

    def __str__(self) -> str:
        return (
            "The bridge's token cannot be read: it was encrypted with another key than this home's. "
            "What to do: copy the folder `secrets` from the home that wrote it, "
            "or enter the token again on Bridge Configurations."
        )


def conceal(token: str) -> bytes:
    """The token as it is stored in `bridge.secret`."""
    return _keys().encrypt(token.encode())


def reveal(stored: bytes | memoryview) -> str:
    """The token of `bridge.secret`; empty where none was entered. Raises `SecretUnreadable`."""
    if not stored:
        return ""
    try:
        return _keys().decrypt(bytes(stored)).decode()
    except InvalidToken as error:
        raise SecretUnreadable from error


def _keys() -> MultiFernet:
    lines = configuration().secret("bridge-key").split()
    return MultiFernet([Fernet(urlsafe_b64encode(hashlib.sha256(line.encode()).digest())) for line in lines])
