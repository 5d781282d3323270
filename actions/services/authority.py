"""What a right code allows: what it was sent for, in its conversation, for the details entered there, and once (G9, G21)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security.errors import FactorsMissing
from actions.security.factors import NEEDS_CERTIFICATE, Factor, require
from actions.security.one_time_password import AUTHORITY_LASTS
from actions.storage.challenges import newest_challenge
from actions.storage.clock import db_now
from actions.storage.models import ChallengeRecord, Identification


def authority(session: Session, conversation: str, purpose: str, *, lock: bool = True) -> ChallengeRecord:
    """Return the verified, unspent code that allows `purpose`; raise `FactorsMissing`.

    Locked until the transaction ends; an act sets its `spent_at`, and so happens once.
    """
    challenge = right_code(session, conversation, purpose, lock=lock)
    require_good(session, challenge)
    return challenge


def right_code(session: Session, conversation: str, purpose: str, *, lock: bool = True) -> ChallengeRecord:
    """Return the conversation's newest code for `purpose` if it was right, spent or long ago too.

    For an act that first looks whether this code has done it already. Raise `FactorsMissing`.
    """
    challenge = newest_challenge(session, purpose, conversation=conversation, lock=lock)
    if challenge is None or challenge.used_at is None or challenge.account_id is None:
        raise FactorsMissing
    return challenge


def require_good(session: Session, challenge: ChallengeRecord) -> None:
    """Return if a right code still allows what it was sent for; raise `FactorsMissing`."""
    purpose, used_at = challenge.purpose, challenge.used_at
    if used_at is None or challenge.spent_at:
        raise FactorsMissing
    if not used_at <= db_now(session) < used_at + AUTHORITY_LASTS[purpose]:
        raise FactorsMissing
    require_same_details(session, challenge)
    if purpose not in NEEDS_CERTIFICATE:  # where it does, the act looks at it and asks again
        require(purpose, proven(challenge))


def require_same_details(session: Session, challenge: ChallengeRecord) -> None:
    """Return if nobody else's details were entered in the conversation since; raise `FactorsMissing`."""
    who = session.get(Identification, challenge.conversation)
    if who is None or who.identity != challenge.identity:
        raise FactorsMissing


def proven(challenge: ChallengeRecord) -> frozenset[Factor]:
    """Return what a right code proves, with the details that came before it (`security/factors.py`)."""
    return frozenset({Factor.DETAILS, Factor.SMS_CODE if challenge.channel == "sms" else Factor.EMAIL_CODE})


def verified_account(session: Session, conversation: str) -> str | None:
    """Return whose code was the last right one of this conversation; None where none was, whatever was entered."""
    used = select(ChallengeRecord.account_id).where(ChallengeRecord.conversation == conversation)
    used = used.where(ChallengeRecord.used_at.is_not(None)).order_by(ChallengeRecord.used_at.desc())
    return session.scalar(used.limit(1))
