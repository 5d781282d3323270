"""One decision of the account's security: a transaction, and what was decided in the audit (G41).

    with decisions.begin("unlock_password", conversation) as decision:
        …                                  # read, decide, change: all in decision.session
        decision.about = account           # as soon as it is known
        decision.done(receipt)             # the audit's row last, and the commit

A refusal that leaves the block rolls everything back and is written down in a transaction of its own; where counts have
to stay, `decision.refused(refusal)` commits them with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from actions.security.errors import Refusal
from actions.storage.audit import Audit
from actions.storage.clock import db_now
from actions.storage.unit_of_work import UnitOfWork

CUSTOMER, SYSTEM = "customer", "system"


def staff(name: str) -> str:
    """Return how a member of the hotline stands in the audit."""
    return f"hotline:{name}"[:64]


class Decision:
    """A transaction under way. `about`: the account, or what else stands for who it is about; kept as a digest."""

    def __init__(self, session: Session, audit: Audit, action: str, about: str, actor: str) -> None:
        self.session = session
        self.about = about
        self.written = False
        self._audit = audit
        self._action = action
        self.actor = actor
        self._asked: datetime | None = None

    def now(self) -> datetime:
        """Return the database's time; ask after the locks are held."""
        self._asked = db_now(self.session)
        return self._asked

    def done(self, reason: str = "") -> None:
        self._commit("done", reason)

    def begun(self) -> None:
        """Commit that it was allowed, and is about to be asked of somebody else."""
        self._commit("begun", "")

    def refused(self, refusal: Refusal) -> None:
        """Commit what was counted, and why it was refused; the caller raises `refusal` after the block."""
        self._commit("refused", type(refusal).__name__)

    def note(self, outcome: str, reason: str = "") -> None:
        """Write down without committing: for a second account or a step on the way."""
        at = self._asked or self.now()  # the time that it was decided by
        self._audit.append(self.session, at, self.actor, self._action, self.about, outcome, reason)

    def _commit(self, outcome: str, reason: str) -> None:
        self.note(outcome, reason)
        self.session.commit()
        self.written = True


class Decisions:
    def __init__(self, work: UnitOfWork, audit: Audit) -> None:
        self._work = work
        self._audit = audit

    @contextmanager
    def look(self) -> Iterator[Session]:
        """Yield a session in which nothing is decided and nothing changed."""
        with self._work.look() as session:
            yield session

    @contextmanager
    def begin(self, action: str, about: str, actor: str = CUSTOMER) -> Iterator[Decision]:
        """Yield the transaction of one decision about `about` (a conversation, until the account is known)."""
        with self._work.begin() as session:
            decision = Decision(session, self._audit, action, about, actor)
            try:
                yield decision
            except Refusal as refusal:
                if not decision.written:
                    session.rollback()
                    decision.refused(refusal)
                raise
