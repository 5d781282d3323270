"""Encryption at rest by AES-256-GCM (cryptography): key id, nonce, ciphertext; the context is authenticated."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_ID = b"\x01"
_NONCE_BYTES = 12


class AesGcm:
    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return `plain` encrypted; it opens only under the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        return KEY_ID + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plain bytes; raise `cryptography.exceptions.InvalidTag` when altered or moved."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        return self._aead.decrypt(nonce, ciphertext, context.encode())
