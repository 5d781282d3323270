"""The newest challenge of a conversation, as the use cases ask for it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.storage.models import ChallengeRecord


def newest_challenge(session: Session, purpose: str, *, conversation: str, lock: bool = True) -> ChallengeRecord | None:
    """Return the last one of a conversation, locked against change until the transaction ends."""
    query = (
        select(ChallengeRecord)
        .where(ChallengeRecord.conversation == conversation, ChallengeRecord.purpose == purpose)
        .order_by(ChallengeRecord.sent_at.desc())
        .limit(1)
    )
    return session.scalar(query.with_for_update() if lock else query)
