"""Secrets of second factors at rest: encrypted and authenticated with AES-256-GCM, under a key of the server's own.

The key is derived from that of sessions, which all servers of one database share. A sealed text is bound to a purpose
and an account, so a row that was copied to another account opens nothing there.
"""

import base64
import os
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class FactorSecrets:
    """Seals and opens texts. `session_key`: the key that signs sessions."""

    def __init__(self, session_key: bytes):
        self._cipher = AESGCM(blake2b(b"second factor", key=session_key, digest_size=32).digest())

    def seal(self, text: str, purpose: str, account_id: int) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), _bound(purpose, account_id))
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str, account_id: int) -> str | None:
        """The text; None where it was sealed for anything else, or by a server with another key."""
        try:
            raw = base64.urlsafe_b64decode(sealed.encode("ascii"))
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(purpose, account_id)).decode()
        except (InvalidTag, ValueError):  # ValueError: no base64, or too short
            return None


def _bound(purpose: str, account_id: int) -> bytes:
    return f"{purpose} {account_id}".encode()
