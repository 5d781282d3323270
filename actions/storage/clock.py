"""What time it is, for decisions: the database's clock, not the replica's (G3, G15, T38)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

IN_SESSION = "clock"  # the key of Session.info
_CLOCK = text("SELECT clock_timestamp()")


class ProcessClock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware."""


def db_now(session: Session) -> datetime:
    """Return the time of the database that `session` works on, aware, in UTC.

    PostgreSQL: `clock_timestamp()`, the moment of the call and not of the transaction's start, so that who
    waited for a lock is not judged by an old time. SQLite has no clock of its own: the one that
    `open_database` was given. One that was given as `override` decides on both (tests).
    """
    clock: ProcessClock | None = session.info.get(IN_SESSION)
    if clock is not None:
        return clock.now().astimezone(UTC)
    moment: datetime = session.scalars(_CLOCK).one()
    return moment.astimezone(UTC)
