"""What is the same in every core system: the acts by name, and the key under which each is done once."""

from __future__ import annotations

import hashlib
from enum import StrEnum


class Act(StrEnum):
    UNLOCK_PASSWORD = "unlock_password"  # noqa: S105  # the name of an act
    REISSUE_PASSWORD = "reissue_password"  # noqa: S105
    ISSUE_CERTIFICATE = "issue_certificate"
    SUSPEND_LOGIN = "suspend_login"
    RESTORE_LOGIN = "restore_login"
    KEEP_TOKEN = "keep_token"  # noqa: S105


def key_of(act: Act, account: str, key: str) -> str:
    """Return 64 hexadecimal digits for a caller's key: nothing of the account can be read from it.

    Callers need not tell their keys of two acts or accounts apart: the same words never mean another's act.
    """
    return hashlib.sha256("\0".join((act, account, key)).encode()).hexdigest()
