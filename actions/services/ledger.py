"""What was done for an account, with its receipt: the same command again finds it (`security/ledger.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from actions.security import ledger as rules
from actions.security.ledger import Command, Entry
from actions.security.password_unlock import unlock_day, used_today
from actions.storage.models import LedgerEntry


class Ledger:
    """Reads and writes entries inside the transaction of the act they tell of."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def repeated(self, session: Session, command: Command) -> str | None:
        """Return the receipt of the same command, if it was done; raise `CommandKeyReused` for other content."""
        row = session.scalar(select(LedgerEntry).where(LedgerEntry.key == command.key))
        return rules.repeated(command, _entry(row) if row else None, self._pepper)

    def used_at(self, session: Session, account: str, kind: str, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when today's was used over all channels; None where it was not, or is not limited."""
        return rules.used_at(self._of_the_day(session, account, kind, now, zone), account, kind, now, zone)

    def enter(
        self,
        session: Session,
        command: Command,
        now: datetime,
        zone: ZoneInfo,
        conversation: str | None = None,
        receipt: str = "",
    ) -> str:
        """Write the entry and return its receipt; raise `UnlockDoneToday` where the day's is used.

        `receipt`: what the customer is told anyway, where the act has a reference of its own.
        The unique keys have the last word: who loses to another replica is refused as if it had come later.
        """
        known = self._of_the_day(session, command.account, command.kind, now, zone)
        entry = rules.enter(command, known, now, zone, self._pepper)
        receipt = receipt or entry.receipt
        while session.get(LedgerEntry, receipt):  # drawn before, on a busy day
            receipt = rules.new_receipt(command.kind, entry.day)
        number = 1 if command.kind in rules.ONCE_A_DAY else self._next_number(session, entry)
        session.add(
            LedgerEntry(
                receipt=receipt,
                key=entry.key,
                fingerprint=entry.fingerprint,
                account_id=entry.account,
                day=entry.day,
                kind=entry.kind,
                number=number,
                channel=entry.channel,
                conversation=conversation,
                at=now,
            )
        )
        try:
            session.flush()
        except IntegrityError as taken:
            raise used_today(now, now, zone, still_locked=False) from taken
        return receipt

    def of_today(self, session: Session, account: str, now: datetime, zone: ZoneInfo) -> Sequence[Entry]:
        """Return all that was done for the account today, over every channel, oldest first."""
        rows = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.account_id == account, LedgerEntry.day >= unlock_day(now, zone))
            .order_by(LedgerEntry.at)
        )
        return [_entry(row) for row in rows]

    def _of_the_day(self, session: Session, account: str, kind: str, now: datetime, zone: ZoneInfo) -> Sequence[Entry]:
        return [entry for entry in self.of_today(session, account, now, zone) if entry.kind == kind]

    @staticmethod
    def _next_number(session: Session, entry: Entry) -> int:
        of_the_day = (LedgerEntry.account_id == entry.account) & (LedgerEntry.day == entry.day)
        last = session.scalar(select(func.max(LedgerEntry.number)).where(of_the_day, LedgerEntry.kind == entry.kind))
        return (last or 0) + 1


def _entry(row: LedgerEntry) -> Entry:
    return Entry(row.key, row.fingerprint, row.account_id, row.kind, row.day, row.receipt, row.channel, row.at)
