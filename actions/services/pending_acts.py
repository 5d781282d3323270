"""Acts of a firm's own core system, written down before it is asked: no answer that is lost stays lost.

Our own tables act in the transaction that tells of it. A firm's system does not: its answer may be lost, and we may be
killed between its act and our commit. So what is about to be asked is committed first, and goes with the entry in the
ledger; `resolve` asks for the others again, with the same key, until the firm says done or refused.

    written down ──► asked ──► done ──────────────► ledger, notice; gone
                           ──► refused, not done ─► gone, if this was the first time it was asked
                           ──► nobody knows ──────► stays ──► resolve ──► …  given up after a day: staff look at it
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from actions.security.errors import (
    AccountProtected,
    CoreAnswerAwaited,
    CoreOutcomeUnknown,
    CoreUnavailable,
    Refusal,
    ReissueNoCertificate,
    UnlockDoneToday,
    UnlockNoCertificate,
    UnlockNotLocked,
    UnlockSuspended,
)
from actions.security.ledger import Command
from actions.services.decisions import SYSTEM, Decision, Decisions
from actions.services.ports import CoreSystem
from actions.storage.locks import insert_if_new
from actions.storage.models import PendingAct as Row
from bot.contracts.failures import described

FIRST_AGAIN = timedelta(seconds=10)  # whoever asked has an answer by then, or has none
LONGEST_PAUSE = timedelta(minutes=10)
GIVEN_UP_AFTER = timedelta(days=1)

# What a core answers to an act that it has not done, and the day's unlock that is told of already.
_OF_THE_CORE = (UnlockSuspended, UnlockNotLocked, UnlockNoCertificate, ReissueNoCertificate, UnlockDoneToday)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Act:
    """What was allowed at `at` and is to be done. `again`: it may have been done already, and the core knows by its key."""

    key: str
    kind: str
    account: str
    institution: str
    channel: str
    conversation: str | None
    language: str
    at: datetime
    again: bool = False

    @property
    def command(self) -> Command:
        return Command(self.key, self.account, self.kind, self.channel, {})


class PendingActs:
    def __init__(self, decisions: Decisions, core: CoreSystem) -> None:
        self._decisions = decisions
        self._core = core

    @property
    def needed(self) -> bool:
        """Return whether the core's acts stay done where our transaction does not commit."""
        return self._core.apart

    def write_down(self, decision: Decision, act: Act) -> Act:
        """Commit that `act` is about to be asked for; return it, or the one of its kind that still waits for an answer."""
        session = decision.session
        row = {
            "key": act.key,
            "kind": act.kind,
            "account_id": act.account,
            "institution": act.institution,
            "channel": act.channel,
            "conversation": act.conversation,
            "language": act.language,
            "at": act.at,
            "tries": 0,
            "due_at": act.at + FIRST_AGAIN,
        }
        while not insert_if_new(session, Row, row):
            if waiting := session.get(Row, (act.account, act.kind)):
                act = _act(waiting)
                break
        decision.begun()
        return act

    @contextmanager
    def asked(self, act: Act) -> Iterator[None]:
        """Forget `act` where what leaves the block says with certainty that it is not done.

        Raise `CoreAnswerAwaited` where nobody knows.
        """
        try:
            yield
        except CoreOutcomeUnknown:
            raise CoreAnswerAwaited from None
        except Refusal as refusal:
            if not act.again or isinstance(refusal, _OF_THE_CORE):  # what is ours says nothing of an earlier time
                self._forget_at_once(act)
            raise

    def forget(self, session: Session, act: Act) -> None:
        """Take `act` off the list, in the transaction that knows what became of it."""
        if self.needed:
            its_own = (Row.account_id == act.account) & (Row.kind == act.kind) & (Row.key == act.key)
            session.execute(delete(Row).where(its_own))

    def resolve(self, go_on: Mapping[str, Callable[[Act], object]]) -> int:
        """Ask again for what is due, by `go_on` of its kind; return how many answers there are now."""
        answered = 0
        for act in self._due():
            try:
                go_on[act.kind](act)
            except (CoreUnavailable, CoreOutcomeUnknown, AccountProtected):
                continue
            except Refusal:
                pass
            except Exception as problem:  # of this one: the others are asked all the same
                logger.error("An act could not be asked for again: %s", described(problem))
                continue
            answered += 1
        return answered

    def _due(self) -> list[Act]:
        """Return what is due, put off for this replica alone to ask; give up what is too old."""
        acts = []
        with self._decisions.begin("resolve_acts", "", SYSTEM) as decision:
            session, now = decision.session, decision.now()
            due = select(Row).where(Row.due_at <= now).order_by(Row.due_at).limit(20)
            for row in session.scalars(due.with_for_update(skip_locked=True)):
                if now - row.at > GIVEN_UP_AFTER:
                    decision.about = row.account_id
                    decision.note("given up", f"{row.kind} of {row.at:%Y-%m-%d %H:%M}")
                    logger.error("Nobody knows what became of an act: look for 'given up' in `anxin audit show`.")
                    session.delete(row)
                    continue
                row.tries += 1
                row.due_at = now + min(FIRST_AGAIN * 2 ** min(row.tries, 10), LONGEST_PAUSE)
                acts.append(_act(row))
            session.commit()
        return acts

    def _forget_at_once(self, act: Act) -> None:
        with suppress(Refusal), self._decisions.begin(act.kind, act.account, SYSTEM) as decision:
            self.forget(decision.session, act)
            decision.session.commit()


def _act(row: Row) -> Act:
    found = (row.key, row.kind, row.account_id, row.institution, row.channel, row.conversation, row.language, row.at)
    return replace(Act(*found), again=True)
