"""How long what is kept: classes of rows, after how many days they go, and what of them is still needed.

    class            days  least  what goes
    vault               0      0  secrets after their life of two minutes
    identifications     2      1  who a conversation said it was
    challenges         30      2  codes (hashed) that were sent, and the counts of sends: complaints come within weeks
    contacts            2      1  how to reach somebody about a report; a filed report has its own copy
    renewals          365     30  certificate renewals: that were closed, or not touched for so long
    notices           365     30  the e-mails we sent: `check_notice` answers for a year
    events            365     30  what was told of accounts; one that is older than a week is refused anyway
    messages           30      2  the outbox: sent, given up or to nobody; as long as its notice where there is one
    core_acts          90     30  keys under which the embedded core system has acted
    reports           730     30  error reports that are closed
    ledger           1827      2  what was done for a customer, by receipt: as long as the audit
    protections      1827     30  "not me", after the hotline has lifted it; with its evidence
    audit            1827    365  every decision: five years, from the start of its chain

`days` is our default, `least` what the rules need (`sends.py`: 24 hours; `events.py`: 7 days; `ledger.py`: the day): no
order takes less. What is open stays however old: queued messages, reports in work, protections that nobody has lifted,
counts of guesses (a row an account). Conversations are another database: `bot/conversations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from actions.storage.models import (
    CertificateRenewal,
    ChallengeRecord,
    CodeSend,
    CoreAct,
    ErrorReport,
    Event,
    Identification,
    LedgerEntry,
    Notice,
    OutboxMessage,
    Protection,
    ReportContact,
    VaultEntry,
)

Aged = Callable[[datetime], ColumnElement[bool]]
Key = InstrumentedAttribute[str]

_OPEN_MESSAGE = OutboxMessage.state.in_(("queued", "sending"))


@dataclass(frozen=True)
class Aging:
    """Rows of one table: their key, and which are old when everything before a time is."""

    key: Key
    is_old: Aged


@dataclass(frozen=True)
class Retention:
    """One class. `rows` in the order they are deleted; the audit has none here: it goes by chains."""

    name: str
    days: int
    least: int
    rows: tuple[Aging, ...] = ()

    def age(self, days: int | None) -> timedelta:
        """Return how old what goes is, if somebody asked for `days`."""
        return timedelta(days=self.days if days is None else max(days, self.least))


def _identification(before: datetime) -> ColumnElement[bool]:
    left = Identification.completed_at.is_(None) & (Identification.given_at < before)
    return (Identification.completed_at < before) | left


def _ledger(before: datetime) -> ColumnElement[bool]:
    return (LedgerEntry.at < before) & (LedgerEntry.day < before.date())


def _renewal(before: datetime) -> ColumnElement[bool]:
    left = CertificateRenewal.closed_at.is_(None) & (CertificateRenewal.step_at < before)
    return (CertificateRenewal.closed_at < before) | left


def _message(before: datetime) -> ColumnElement[bool]:
    of_a_notice = exists(select(Notice.reference).where(Notice.outbox_id == OutboxMessage.id))
    return (OutboxMessage.queued_at < before) & ~_OPEN_MESSAGE & ~of_a_notice


def _notice(before: datetime) -> ColumnElement[bool]:
    on_its_way = exists(select(OutboxMessage.id).where(OutboxMessage.id == Notice.outbox_id, _OPEN_MESSAGE))
    return (Notice.at < before) & ~on_its_way


def _event(before: datetime) -> ColumnElement[bool]:
    told_of = exists(select(Notice.reference).where(Notice.event_id == Event.event_id))
    return (Event.received_at < before) & ~told_of


CLASSES = (
    Retention("vault", 0, 0, (Aging(VaultEntry.reference, lambda before: VaultEntry.expires_at <= before),)),
    Retention("identifications", 2, 1, (Aging(Identification.conversation, _identification),)),
    Retention(
        "challenges",
        30,
        2,
        (
            Aging(ChallengeRecord.id, lambda before: ChallengeRecord.sent_at < before),
            Aging(CodeSend.challenge_id, lambda before: CodeSend.at < before),
        ),
    ),
    Retention("contacts", 2, 1, (Aging(ReportContact.reference, lambda before: ReportContact.at < before),)),
    Retention(
        "renewals",
        365,
        30,
        (
            Aging(
                CertificateRenewal.id,
                _renewal,
            ),
        ),
    ),
    Retention("notices", 365, 30, (Aging(Notice.reference, _notice),)),
    Retention("events", 365, 30, (Aging(Event.event_id, _event),)),
    Retention("messages", 30, 2, (Aging(OutboxMessage.id, _message),)),
    Retention("core_acts", 90, 30, (Aging(CoreAct.key, lambda before: CoreAct.at < before),)),
    Retention(
        "reports",
        730,
        30,
        (Aging(ErrorReport.reference, lambda b: (ErrorReport.filed_at < b) & (ErrorReport.status == "closed")),),
    ),
    Retention("ledger", 1827, 2, (Aging(LedgerEntry.receipt, _ledger),)),
    Retention("protections", 1827, 30, (Aging(Protection.reference, lambda before: Protection.lifted_at < before),)),
    Retention("audit", 1827, 365),
)


def old_keys(session: Session, aging: Aging, before: datetime, after: str, page: int) -> tuple[list[str], str | None]:
    """Return the keys that are old among the next `page` rows behind `after`, and the last key looked at.

    By pages of the primary key, so that no statement takes long however much is kept.
    """
    rows: Any = session.execute(
        select(aging.key, aging.is_old(before)).where(aging.key > after).order_by(aging.key).limit(page)
    ).all()
    return [key for key, is_old in rows if is_old], rows[-1][0] if rows else None


def delete_old(session: Session, aging: Aging, before: datetime, keys: list[str]) -> int:
    """Delete those of `keys` that are still old and that nobody holds; return how many."""
    free = session.scalars(
        select(aging.key).where(aging.key.in_(keys), aging.is_old(before)).with_for_update(skip_locked=True)
    ).all()
    table = aging.key.class_.__table__
    session.execute(table.delete().where(table.c[aging.key.key].in_(free)))
    return len(free)
