"""Messages that were given up: people look at them, and send notices again. No content and no address is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from actions.storage.clock import db_now
from actions.storage.models import OutboxMessage
from actions.storage.unit_of_work import UnitOfWork

IS_DEAD = OutboxMessage.state == "dead"


class CannotResend(Exception):
    """Nothing was changed; the text says why in a sentence."""


@dataclass(frozen=True)
class DeadLetter:
    """One message that did not leave. `tries` counts since it was queued, or last sent again by hand."""

    id: str
    kind: str
    channel: str
    queued_at: datetime
    tries: int
    problem: str
    is_code: bool  # not sent again: the customer asks for another


class DeadLetters:
    """Lists what was given up, and queues it again."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def list(self) -> Sequence[DeadLetter]:
        """Return all that are still on record, oldest first."""
        with self._work.look() as session:
            rows = session.scalars(select(OutboxMessage).where(IS_DEAD).order_by(OutboxMessage.queued_at))
            return [
                DeadLetter(r.id, r.kind, r.channel, r.queued_at, r.attempts, r.problem or "", r.at_most_once)
                for r in rows
            ]

    def resend(self, id_: str) -> int:
        """Queue one notice again under the same id, for another day of tries, and return 1; raise `CannotResend`."""
        with self._work.begin() as session:
            row = session.get(OutboxMessage, id_, with_for_update=True)
            if row is None:
                raise CannotResend(f"There is no message {id_}.")
            if row.at_most_once:
                raise CannotResend(f"{id_} was a code: the customer asks for another one in the chat.")
            if row.state != "dead":
                raise CannotResend(f"{id_} was not given up: it is {row.state}.")
            queued = _queue_again(session, OutboxMessage.id == id_)
            session.commit()
            return queued

    def resend_all(self) -> int:
        """Queue every notice that was given up again and return how many."""
        with self._work.begin() as session:
            queued = _queue_again(session, OutboxMessage.at_most_once.is_(False))
            session.commit()
            return queued


def _queue_again(session: Session, which: ColumnElement[bool]) -> int:
    now = db_now(session)
    queued = session.execute(
        update(OutboxMessage)
        .where(which, IS_DEAD)
        .values(state="queued", attempts=0, queued_at=now, due_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(queued.rowcount)  # type: ignore[attr-defined]  # CursorResult of an UPDATE
