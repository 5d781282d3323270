"""The embedded core system: our own tables instead of a firm's, in the same database and transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.security.password_unlock import Certificate, PasswordState
from actions.security.secret import Secret
from actions.services.ports import Customer
from actions.storage.models import Account, CertificateRecord


class EmbeddedCore:
    def find(self, session: Session, institution: str, number: Secret) -> Customer | None:
        account = session.scalar(
            select(Account).where(Account.institution == institution, Account.number == number.reveal())
        )
        return _customer(account) if account else None

    def customer(self, session: Session, account: str) -> Customer:
        return _customer(session.get_one(Account, account))

    def mail_domains(self, session: Session, institution: str) -> Sequence[str]:
        addresses = session.scalars(
            select(Account.email).where(Account.institution == institution, Account.email.is_not(None))
        )
        return sorted(str(address).rpartition("@")[2] for address in addresses) or ["example.com"]

    def password(self, session: Session, account: str) -> PasswordState:
        row = session.get_one(Account, account, with_for_update=True)
        return PasswordState(row.id, row.locked_at, row.suspended_at)

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]:
        rows = session.scalars(
            select(CertificateRecord).where(CertificateRecord.account_id == account).with_for_update()
        )
        return [Certificate(r.account_id, r.valid_from, r.valid_until, r.revoked_at) for r in rows]

    def unlock_password(self, session: Session, account: str) -> None:
        row = session.get_one(Account, account)
        row.locked_at, row.wrong_passwords = None, 0


def _customer(account: Account) -> Customer:
    return Customer(account.id, account.birth_date, account.phone, account.email)
