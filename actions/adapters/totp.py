"""The code of one time step, by HOTP (pyotp): RFC 4226 5.3, and RFC 6238 4.2 where the counter is a time step."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Literal

import pyotp

from actions.security.secret import Secret

Algorithm = Literal["sha1", "sha256", "sha512"]
_SEED_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}  # as long as the hash (RFC 2104 3, RFC 4226 4)


def new_seed(algorithm: Algorithm = "sha1") -> bytes:
    """Return a random seed for a new software token; store it sealed, with the token's id as context."""
    return secrets.token_bytes(_SEED_BYTES[algorithm])


def codes_of(seed: bytes, digits: int = 6, algorithm: Algorithm = "sha1") -> Callable[[int], Secret]:
    """Return what tells the code of a step; steps before 1970 have none and are refused with ValueError."""
    hotp = pyotp.HOTP(base64.b32encode(seed).decode(), digits=digits, digest=getattr(hashlib, algorithm))
    return lambda step: Secret(hotp.at(step))
