"""Encryption at rest by AES-256-GCM (cryptography): key id, nonce, ciphertext; the context is authenticated."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class AesGcm:
    """Seals with the newest of `keys`, the one with the highest id (1 to 255); opens what any of them has sealed.

    One key alone has the id 1. A key is taken out once nothing is left that it sealed.
    """

    def __init__(self, keys: Mapping[int, bytes] | bytes) -> None:
        by_id = {1: keys} if isinstance(keys, bytes) else keys
        self._by_id = {id_.to_bytes(1, "big"): AESGCM(key) for id_, key in by_id.items()}
        self._newest = max(self._by_id)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return `plain` encrypted; it opens only under the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest + nonce + self._by_id[self._newest].encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return the plain bytes; raise `InvalidTag` when altered, moved, or sealed by a key that is not here."""
        key_id, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if key_id not in self._by_id or len(nonce) < _NONCE_BYTES:
            raise InvalidTag
        return self._by_id[key_id].decrypt(nonce, ciphertext, context.encode())
