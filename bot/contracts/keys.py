"""One master key a deployment; every other key is derived from it by purpose."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

MASTER_KEY_BYTES = 32
AUDIT_CHAIN = "audit chain"  # the purpose of the key that the audit is written and verified under


class KeyProblem(Exception):
    """The master key cannot be used; the text names the file and the fix."""


def load_or_create_master_key(path: Path) -> bytes:
    """Return the master key in `path`, made with mode 0600 on first use.

    Two processes that start together agree on one key: the file appears under its name only when
    it is complete, and whoever comes second reads it.
    """
    if not path.exists():
        _create(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise KeyProblem(f"{path}: others can read the key (mode {mode:04o}). Run: chmod 600 {path}")
    key = path.read_bytes()
    if len(key) != MASTER_KEY_BYTES:
        raise KeyProblem(
            f"{path}: has {len(key)} bytes, {MASTER_KEY_BYTES} are needed. "
            "Put the right file back; a new key makes open challenges and buttons void."
        )
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(MASTER_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def derive(master: bytes, purpose: str) -> bytes:
    """Return the 32-byte key for `purpose`, e.g. "sign gateway engine".

    HMAC-SHA-256 over the purpose, as in the expand step of RFC 5869: purposes never share a key.
    """
    return hmac.new(master, b"anxin/1/" + purpose.encode(), hashlib.sha256).digest()
