"""Requests between our processes are signed; nothing unsigned, stale, replayed or altered is served.

The signature covers method, path with query, time, nonce and the hash of the body. A request is good
for `WINDOW_SECONDS` around the receiver's clock, and once: the receiver remembers nonces for as long
as they could still be in time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping

WINDOW_SECONDS = 30
TIME_HEADER = "x-anxin-time"
NONCE_HEADER = "x-anxin-nonce"
SIGNATURE_HEADER = "x-anxin-signature"

_REMEMBERED_NONCES = 200_000


class Unsigned(Exception):
    """The request carries no valid signature; answer 401 with an empty body."""


def sign(key: bytes, method: str, path: str, body: bytes, now: float) -> dict[str, str]:
    """Return the headers that make this request acceptable to the holder of `key`.

    `path` as sent, with its query; `now` in seconds since 1970.
    """
    time_text, nonce = str(int(now)), secrets.token_hex(16)
    return {
        TIME_HEADER: time_text,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: _signature(key, method, path, time_text, nonce, body),
    }


class SignatureCheck:
    """Checks requests made with one key and remembers the nonces it has seen."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return if the request is genuine, fresh and new; raise `Unsigned` otherwise."""
        time_text = headers.get(TIME_HEADER, "")
        nonce = headers.get(NONCE_HEADER, "")
        given = headers.get(SIGNATURE_HEADER, "")
        if not (time_text.isascii() and time_text.isdigit() and len(time_text) <= 12 and len(nonce) == 32):
            raise Unsigned
        expected = _signature(self._key, method, path, time_text, nonce, body)
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise Unsigned
        if abs(now - int(time_text)) > WINDOW_SECONDS:
            raise Unsigned
        self._remember(nonce, int(time_text), now)

    def _remember(self, nonce: str, sent_at: float, now: float) -> None:
        with self._lock:
            if nonce in self._seen:
                raise Unsigned
            if len(self._seen) >= _REMEMBERED_NONCES:
                self._forget_stale(now)
            self._seen[nonce] = sent_at

    def _forget_stale(self, now: float) -> None:
        self._seen = {n: t for n, t in self._seen.items() if now - t <= WINDOW_SECONDS}
        if len(self._seen) >= _REMEMBERED_NONCES:
            raise Unsigned  # more than we can remember in the window: refuse rather than forget


def _signature(key: bytes, method: str, path: str, time_text: str, nonce: str, body: bytes) -> str:
    text = "\n".join(("1", method.upper(), path, time_text, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
