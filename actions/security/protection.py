"""An account whose owner said "not me": nothing is done on it from here until the hotline lifts that.

    open ──"not me", once or often──► PROTECTED ──the hotline, after it has made sure who calls──► open

Online login is suspended meanwhile; questions, reports and people stay. What is refused is said to a customer who has
proven who they are; before that a protected account is like any other: the same words, the same writes, and a code that
arrives (G12).

Sources: issue 4 ("not me"); the hotline alone lifts it, as `institutions.yml` names no other way. The event, times and
what the customer said are the evidence: stored sealed by the caller, never in here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from actions.security.errors import AccountProtected, ProtectionStays

HOTLINE = "hotline"

# What is done for a verified customer; everything else (questions, reports, "not me" itself) stays open.
ACTS = frozenset(
    {
        "unlock_password",
        "reissue_password",
        "change_password",
        "renew_certificate",
        "enrol_token",
        "synchronise_token",
        "add_biometrics",
        "high_risk",
    }
)


@dataclass(frozen=True)
class Protection:
    """What is stored of one. `reference` is what the customer was told and the hotline asks for."""

    account: str
    reference: str
    since: datetime
    conversation: str
    lifted_at: datetime | None = None
    lifted_by: str | None = None


def protect(before: Protection | None, account: str, reference: str, conversation: str, now: datetime) -> Protection:
    """Return the protection of `account`: the one that lasts, with its reference, however often it is asked for."""
    if before and is_protected(before):
        return before
    return Protection(account, reference, now, conversation)


def is_protected(protection: Protection | None) -> bool:
    return protection is not None and protection.lifted_at is None


def may_act(protection: Protection | None, purpose: str) -> None:
    """Return if `purpose` may be done; raise `AccountProtected` with the reference."""
    if purpose in ACTS and protection and is_protected(protection):
        raise AccountProtected(report=protection.reference)


def lift(protection: Protection | None, channel: str, staff: str, now: datetime) -> Protection | None:
    """Return the protection as lifted by a member of the hotline; raise `ProtectionStays` for any other channel.

    Lifting twice is lifting once: who did it first stays on record.
    """
    if channel != HOTLINE or not staff:
        raise ProtectionStays
    if protection is None or not is_protected(protection):
        return protection
    return replace(protection, lifted_at=now, lifted_by=staff)
