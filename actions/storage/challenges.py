"""The newest challenge, as the use cases ask for it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from actions.storage.locks import hold
from actions.storage.models import ChallengeRecord


def newest_challenge(session: Session, purpose: str, *, conversation: str) -> ChallengeRecord | None:
    """Return the last one of a conversation, locked against change until the transaction ends."""
    return _newest(session, purpose, ChallengeRecord.conversation == conversation, lock=True)


def newest_challenge_of(session: Session, purpose: str, *, identity: str) -> ChallengeRecord | None:
    """Return the last one for these details, over all conversations (G8); who else asks waits for this transaction."""
    hold(session, f"challenge {identity} {purpose}")
    return _newest(session, purpose, ChallengeRecord.identity == identity, lock=False)


def _newest(session: Session, purpose: str, whose: ColumnElement[bool], lock: bool) -> ChallengeRecord | None:
    query = (
        select(ChallengeRecord)
        .where(whose, ChallengeRecord.purpose == purpose)
        .order_by(ChallengeRecord.sent_at.desc())
        .limit(1)
    )
    return session.scalar(query.with_for_update() if lock else query)
