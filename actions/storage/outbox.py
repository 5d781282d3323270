"""The outbox's rows: claimed by one relay at a time, settled when it is known what became of them.

    queued ──claim──► sending ──► sent
       ▲                 │  └───► dead     a code that failed or may have left; a notice that was refused, or is a day old
       └──back-off───────┘
    void: to nobody; it never leaves

PostgreSQL passes over rows that another relay has locked, SQLite has one writer; a message that is being sent is
another's only after `SENDING_LEASE`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from actions.storage.models import Base, OutboxMessage

SENDING_LEASE = timedelta(seconds=60)
STALE_CODE = timedelta(seconds=60)  # the customer can have another by then, and this one confuses
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)  # some 35 to 45 tries
LATE, INTERRUPTED = "too late", "the relay ended while it was sending"
MOST_PROBLEM_CHARACTERS = 255

_TABLE = Base.metadata.tables[OutboxMessage.__tablename__]
_random = secrets.SystemRandom()


@dataclass(frozen=True)
class Claim:
    """One message that is one relay's to send. `attempt` tells this claim from a later one of the same message."""

    id: str
    kind: str
    at_most_once: bool
    sealed: bytes
    queued_at: datetime
    claimed_at: datetime
    attempt: int

    def is_late(self, ttl_seconds: int | None) -> bool:
        """Return whether the message is of no more use: its own time is over, or a code waited for `STALE_CODE`."""
        waited = self.claimed_at - self.queued_at
        if self.at_most_once and waited >= STALE_CODE:
            return True
        return ttl_seconds is not None and waited >= timedelta(seconds=ttl_seconds)


@dataclass(frozen=True)
class Outcome:
    """What became of a claim. `problem` None: it left. `for_good`: another try helps nobody."""

    claim: Claim
    problem: str | None = None
    for_good: bool = False


def take_over(session: Session, at_most_once: bool, now: datetime) -> None:
    """Decide about what a relay that died was sending, and about codes that waited long."""
    mine = OutboxMessage.at_most_once.is_(at_most_once)
    in_doubt = mine & (OutboxMessage.state == "sending") & (OutboxMessage.due_at <= now)
    if at_most_once:  # it may have left
        _change(session, in_doubt, state="dead", ciphertext=b"", problem=INTERRUPTED)
        waits = mine & (OutboxMessage.state == "queued") & (OutboxMessage.queued_at <= now - STALE_CODE)
        _change(session, waits, state="dead", ciphertext=b"", problem=LATE)
    else:
        too_often = in_doubt & (OutboxMessage.queued_at <= now - GIVE_UP)
        _change(session, too_often, state="dead", problem=INTERRUPTED)
        _change(session, in_doubt, state="queued", problem=INTERRUPTED)


def claim_next(session: Session, at_most_once: bool, now: datetime) -> Claim | None:
    """Mark the oldest message that is due as being sent; commit before it is."""
    due = (OutboxMessage.state == "queued") & (OutboxMessage.due_at <= now)
    if at_most_once:  # older ones are given up; and so only the last minute is looked through
        due &= OutboxMessage.due_at > now - STALE_CODE
    oldest = (
        select(OutboxMessage.id)
        .where(due, OutboxMessage.at_most_once.is_(at_most_once))
        .order_by(OutboxMessage.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.execute(
        update(_TABLE)
        .where(_TABLE.c.id == oldest.scalar_subquery())
        .values(state="sending", attempts=_TABLE.c.attempts + 1, due_at=now + SENDING_LEASE)
        .returning(_TABLE.c.id, _TABLE.c.kind, _TABLE.c.ciphertext, _TABLE.c.queued_at, _TABLE.c.attempts)
    ).one_or_none()
    return Claim(row.id, row.kind, at_most_once, row.ciphertext, row.queued_at, now, row.attempts) if row else None


def settle(session: Session, outcome: Outcome, now: datetime) -> None:
    """Write down what became of a message. A failure counts only for who still holds it; that it left, always."""
    claim = outcome.claim
    changed = update(_TABLE).where(_TABLE.c.id == claim.id)
    if outcome.problem is None:
        session.execute(changed.values(state="sent", sent_at=now, ciphertext=b"", problem=None))
        return
    held = changed.where(_TABLE.c.state == "sending", _TABLE.c.attempts == claim.attempt)
    held = held.values(problem=outcome.problem[:MOST_PROBLEM_CHARACTERS])
    if claim.at_most_once:
        session.execute(held.values(state="dead", ciphertext=b""))
    elif outcome.for_good or now - claim.queued_at >= GIVE_UP:
        session.execute(held.values(state="dead"))
    else:
        session.execute(held.values(state="queued", due_at=now + wait_after(claim.attempt)))


def wait_after(attempts: int) -> timedelta:
    """Return how long a notice waits after so many failed tries: 2, 4, 8 … seconds up to an hour, less up to half.

    The random part keeps what failed together from being tried together.
    """
    longest = min(timedelta(seconds=2 ** min(attempts, 12)), LONGEST_WAIT)
    return longest * _random.uniform(0.5, 1.0)


def count(session: Session, *states: str) -> int:
    """Return how many messages are in one of `states`."""
    query = select(func.count()).select_from(OutboxMessage).where(OutboxMessage.state.in_(states))
    return session.scalar(query) or 0


def _change(session: Session, which: ColumnElement[bool], **values: object) -> None:
    """Change rows that nobody holds at the moment."""
    ids = select(OutboxMessage.id).where(which).with_for_update(skip_locked=True)
    session.execute(update(_TABLE).where(_TABLE.c.id.in_(ids)).values(**values))
