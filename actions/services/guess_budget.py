"""Guesses are paid for before they are judged, in the rows that every channel shares (`security/guesses.py`, G6, G7)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security import guesses as rules
from actions.security.guesses import Guesses, GuessRules, WrongGuesses
from actions.storage.locks import insert_if_new
from actions.storage.models import GuessBudget as Row
from actions.storage.unit_of_work import remembered

logger = logging.getLogger(__name__)


class GuessBudget:
    """`subject`: an account, or what stands for details that match nobody; both cost the same."""

    def __init__(self, by_institution: Mapping[str, GuessRules]) -> None:
        self._rules = by_institution

    def pay(self, session: Session, institution: str, subject: str, wrong_of_challenge: int, now: datetime) -> None:
        """Count one guess; raise `GuessesPaused`, `GuessesHotlineOnly`, `GuessesUsedUp` or `OtpExhausted`.

        The row stays locked until the transaction ends, so that parallel guesses are judged one after the other,
        and nobody hears a verdict of a guess whose count was not kept.
        """
        own = self._rules[institution]
        everyone = session.get(Row, _everyone(institution))
        if everyone:
            rules.may_guess_at_all(WrongGuesses(everyone.day, everyone.evaluated), now, own)
        row = self._row(session, subject, now, own)
        counted = _counted(row)
        rules.may_guess(counted, wrong_of_challenge, now, own)
        _store(row, rules.pay(counted, now, own))

    def judged(
        self, session: Session, institution: str, subject: str, right: bool, now: datetime, known: bool = True
    ) -> None:
        """Keep the verdict of a guess that was paid for in this transaction.

        `known`: of a customer. Guesses at what belongs to nobody cannot be right; they are counted as dearly, in a
        row of their own that stops no customer (T34).
        """
        own, row = self._rules[institution], session.get_one(Row, subject)
        _store(row, rules.judged(_counted(row), right, now, own))
        if not right:
            self._count_wrong(session, _everyone(institution) if known else _nobody(institution), now, own)

    def allow_again(self, session: Session, institution: str, subject: str, now: datetime) -> None:
        """Open an account to codes again after the hotline made sure who calls; today's guesses stay used."""
        row = self._row(session, subject, now, self._rules[institution])
        _store(row, rules.lifted_by_staff(_counted(row)))

    def _count_wrong(self, session: Session, of: str, now: datetime, own: GuessRules) -> None:
        row = self._row(session, of, now, own)
        counted = rules.count_wrong(WrongGuesses(row.day, row.evaluated), now, own)
        row.day, row.evaluated = counted.day, counted.wrong
        if rules.rings_alarm(counted, own):
            logger.error("%d wrong codes today of %s; somebody may be trying them", counted.wrong, of)

    @staticmethod
    def _row(session: Session, subject: str, now: datetime, own: GuessRules) -> Row:
        """Return the subject's row, locked; the first time costs as much as any other (G12)."""
        day = now.astimezone(own.zone).date()
        insert_if_new(session, Row, {"subject": subject, "day": day, "evaluated": 0, "consecutive_wrong": 0})
        locked = select(Row).where(Row.subject == subject).with_for_update().execution_options(populate_existing=True)
        return remembered(session, session.scalars(locked).one())


def _everyone(institution: str) -> str:
    return f"everyone at {institution}"


def _nobody(institution: str) -> str:
    return f"nobody at {institution}"


def _counted(row: Row) -> Guesses:
    return Guesses(row.day, row.evaluated, row.consecutive_wrong, row.hotline_only_at)


def _store(row: Row, counted: Guesses) -> None:
    row.day, row.evaluated = counted.day, counted.evaluated
    row.consecutive_wrong, row.hotline_only_at = counted.consecutive_wrong, counted.hotline_only_at
