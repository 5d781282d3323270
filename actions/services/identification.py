"""Who a conversation says it is: account number and birth date, and where a code could go.

A stranger's details take the same path, the same writes and the same words; only the account stays empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from actions.security.destinations import identity_of, mask_email, mask_phone, plausible_destinations
from actions.security.errors import AccountUnreadable, BirthDateUnreadable, NotIdentified
from actions.security.identity import read_account, read_birth_date
from actions.security.secret import Secret
from actions.services.ports import Cipher, CoreSystem, Customer
from actions.services.vault import Vault
from actions.storage.clock import db_now
from actions.storage.locks import hold
from actions.storage.models import Identification as Row
from actions.storage.unit_of_work import UnitOfWork

FRESH_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Destinations:
    """Where a code could go, masked; None where the record has none."""

    sms: str | None
    email: str | None


class Identification:
    """Takes the two details in turn and remembers the outcome for `FRESH_FOR`."""

    def __init__(self, work: UnitOfWork, cipher: Cipher, vault: Vault, core: CoreSystem, pepper: bytes) -> None:
        self._work = work
        self._cipher = cipher
        self._vault = vault
        self._core = core
        self._pepper = pepper

    def give_account(self, conversation: str, institution: str, reference: str) -> None:
        """Take the account number; raise `SecretGone` or `AccountUnreadable`. The same reference again: no change."""
        with self._work.begin() as session:
            hold(session, conversation)
            row = session.get(Row, conversation)
            if row and row.account_reference == reference:
                return
            entered = self._vault.take(session, conversation, "account", reference)
            try:
                number = read_account(entered)
            except AccountUnreadable:
                session.commit()  # taken is taken, readable or not
                raise
            if row:
                session.delete(row)
                session.flush()
            session.add(
                Row(
                    conversation=conversation,
                    institution=institution,
                    account_reference=reference,
                    account_ciphertext=self._cipher.seal(number.reveal().encode(), conversation),
                )
            )
            session.commit()

    def give_birth_date(self, conversation: str, reference: str) -> None:
        """Take the birth date and complete the identification; raise `SecretGone` or `BirthDateUnreadable`."""
        with self._work.begin() as session:
            hold(session, conversation)
            row = session.get(Row, conversation)
            if row is None:
                raise NotIdentified
            if row.birth_date_reference == reference:
                return
            if row.completed_at:  # another date for the same account: both are asked again
                raise NotIdentified
            entered = self._vault.take(session, conversation, "birth_date", reference)
            now = db_now(session)
            try:
                born = read_birth_date(entered, now.date())
            except BirthDateUnreadable:
                session.commit()
                raise
            number = Secret(self._cipher.open(row.account_ciphertext, conversation).decode())
            customer = self._core.find(session, row.institution, number)
            matches = customer is not None and customer.birth_date == born
            details = (row.institution, number.reveal(), born.isoformat())
            invented = plausible_destinations(self._pepper, *details, self._core.mail_domains(session, row.institution))
            shown = _destinations(customer) if customer and matches else Destinations(**invented)
            row.identity = identity_of(self._pepper, *details)
            row.account_id = customer.account if customer and matches else None
            row.sms, row.email = shown.sms, shown.email
            row.birth_date_reference = reference
            row.completed_at = now
            row.account_ciphertext = b""
            session.commit()

    def destinations(self, conversation: str) -> Destinations:
        """Return where a code could go; raise `NotIdentified`."""
        with self._work.begin() as session:
            row = self.current(session, conversation)
            return Destinations(row.sms, row.email)

    def is_known(self, conversation: str) -> bool:
        """Return whether the details were given, not long ago; nothing is asked twice."""
        with self._work.begin() as session:
            row = session.get(Row, conversation)
            return row is not None and _is_fresh(session, row)

    def current(self, session: Session, conversation: str) -> Row:
        """Return the fresh identification of `conversation`; raise `NotIdentified`."""
        row = session.get(Row, conversation)
        if row is None or not _is_fresh(session, row):
            raise NotIdentified
        return row


def _is_fresh(session: Session, row: Row) -> bool:
    return row.completed_at is not None and db_now(session) < row.completed_at + FRESH_FOR


def _destinations(customer: Customer) -> Destinations:
    return Destinations(
        sms=mask_phone(customer.phone) if customer.phone else None,
        email=mask_email(customer.email) if customer.email else None,
    )
