"""How long conversations are kept: a year after their last message, then all of them goes, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, Select, delete, exists, select
from sqlalchemy.orm import Session

from bot.conversations.models import ConversationRow, MessageRow, RequestRow

DAYS = 365  # our default; the account-security database keeps notices as long
LEAST_DAYS = 1  # what is going on stays
BATCH = 200


@dataclass(frozen=True)
class Purged:
    days: int
    conversations: int


def purge(engine: Engine, days: int | None, now: datetime, dry_run: bool) -> Purged:
    """Delete, or only count, conversations that were silent for `days` (None: `DAYS`); safe beside a running gateway."""
    days = DAYS if days is None else max(days, LEAST_DAYS)
    before = now - timedelta(days=days)
    silent = (ConversationRow.opened_at < before) & ~exists().where(
        MessageRow.conversation == ConversationRow.id, MessageRow.at >= before
    )
    found = select(ConversationRow.id).where(silent)
    with Session(engine) as session:
        if dry_run:
            return Purged(days, len(session.scalars(found).all()))
    gone = 0
    while batch := _delete_batch(engine, found.limit(BATCH)):
        gone += batch
    return Purged(days, gone)


def _delete_batch(engine: Engine, found: Select[str]) -> int:
    with Session(engine) as session:
        ids = session.scalars(found).all()
        for table, column in ((MessageRow, MessageRow.conversation), (RequestRow, RequestRow.conversation)):
            session.execute(delete(table).where(column.in_(ids)))
        session.execute(delete(ConversationRow).where(ConversationRow.id.in_(ids)))
        session.commit()
        return len(ids)
