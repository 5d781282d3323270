"""The embedded core system: our own tables instead of a firm's, in the same database and transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.adapters import core_token_row
from actions.adapters.core_acts import Act, key_of
from actions.adapters.core_events import after
from actions.security.errors import RenewalNoCertificate, UnlockSuspended
from actions.security.notices import Event
from actions.security.password import Password, reissue
from actions.security.password_unlock import Certificate, PasswordState, is_valid, may_unlock
from actions.security.secret import Secret
from actions.security.software_token import SoftwareToken, Status
from actions.services.ports import Customer, IssuedCertificate
from actions.storage.clock import db_now
from actions.storage.models import Account, CertificateRecord, CoreAct
from actions.storage.models import SoftwareToken as TokenRow

_NO_DAY = ZoneInfo("UTC")  # the day's one unlock is the ledger's to know


class EmbeddedCore:
    """Decides from rows that it holds `FOR UPDATE`, the account's first: what is read stays true until the commit.

    An act looks once more at what it rests on and leaves its key in the same transaction, so that it is done once.
    """

    apart = False

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
        return _state(_held(session, account))

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]:
        rows = session.scalars(
            select(CertificateRecord)
            .where(CertificateRecord.account_id == account)
            .order_by(CertificateRecord.valid_until, CertificateRecord.serial)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return [Certificate(r.account_id, r.valid_from, r.valid_until, r.revoked_at) for r in rows]

    def token(self, session: Session, account: str) -> SoftwareToken:
        _held(session, account)  # it is what is locked where there is no token yet
        return core_token_row.token_of(session.get(TokenRow, account, with_for_update=True))

    def unlock_password(self, session: Session, account: str, key: str) -> None:
        row = _held(session, account)
        if _is_new(session, Act.UNLOCK_PASSWORD, account, key):
            now = db_now(session)
            may_unlock(_state(row), self.certificates(session, account), None, now, _NO_DAY)
            row.locked_at, row.wrong_passwords = None, 0
            _leave_key(session, Act.UNLOCK_PASSWORD, account, key, now)

    def reissue_password(self, session: Session, account: str, key: str) -> None:
        """Raise `UnlockSuspended` or `ReissueNoCertificate`."""
        row = _held(session, account)
        if _is_new(session, Act.REISSUE_PASSWORD, account, key):
            now = db_now(session)
            _refuse_suspended(row)
            _keep(row, reissue(account, self.certificates(session, account), now).password)
            _leave_key(session, Act.REISSUE_PASSWORD, account, key, now)

    def issue_certificate(self, session: Session, account: str, way: str, key: str) -> IssuedCertificate:
        """Raise `UnlockSuspended` or `RenewalNoCertificate`. It is valid at once and the old ones stay as they are.

        For one year from now; renewed, until a year after the end of the one that lasts longest. Our choice: the
        guide names no term.
        """
        row, serial = _held(session, account), key_of(Act.ISSUE_CERTIFICATE, account, key)[:32].upper()
        issued = session.get(CertificateRecord, serial)
        if issued is None:
            now = db_now(session)
            _refuse_suspended(row)
            valid = [c.valid_until for c in self.certificates(session, account) if is_valid(c, account, now)]
            if not valid:
                raise RenewalNoCertificate
            until = _a_year_after(max(valid) if way == "renew" else now)
            issued = CertificateRecord(serial=serial, account_id=account, valid_from=now, valid_until=until)
            session.add(issued)
            session.flush()
        return IssuedCertificate(serial, issued.valid_until)

    def suspend_login(self, session: Session, account: str, key: str) -> None:
        row = _held(session, account)
        if _is_new(session, Act.SUSPEND_LOGIN, account, key):
            now = db_now(session)
            row.suspended_at = row.suspended_at or now
            _leave_key(session, Act.SUSPEND_LOGIN, account, key, now)

    def restore_login(self, session: Session, account: str, key: str) -> None:
        row = _held(session, account)
        if _is_new(session, Act.RESTORE_LOGIN, account, key):
            row.suspended_at = None
            _leave_key(session, Act.RESTORE_LOGIN, account, key, db_now(session))

    def keep_token(self, session: Session, account: str, token: SoftwareToken, key: str) -> None:
        """Raise `ValueError` for a token without status: one that was is revoked, never gone."""
        if token.status is Status.NONE:
            raise ValueError("a token of status NONE cannot be kept")
        _held(session, account)
        if _is_new(session, Act.KEEP_TOKEN, account, key):
            now = db_now(session)
            row = session.get(TokenRow, account, with_for_update=True)
            if row is None:
                row = TokenRow(account_id=account, enrolled_at=now)
                session.add(row)
            core_token_row.write(row, token, now)
            _leave_key(session, Act.KEEP_TOKEN, account, key, now)

    def happened(self, session: Session, account: str, event: Event) -> Sequence[str]:
        row = _held(session, account)
        if row.suspended_at and event.kind in ("login", "wrong_password"):
            return ()  # nobody can log in: nothing is looked at
        outcome = after(_password(row), event, db_now(session))
        _keep(row, outcome.password)
        session.flush()
        return outcome.notices


def _held(session: Session, account: str) -> Account:
    """Return the account's row, locked, as it is now: what was read before the lock may be old."""
    return session.get_one(Account, account, with_for_update=True, populate_existing=True)


def _is_new(session: Session, act: Act, account: str, key: str) -> bool:
    return session.get(CoreAct, key_of(act, account, key)) is None


def _leave_key(session: Session, act: Act, account: str, key: str, now: datetime) -> None:
    session.add(CoreAct(key=key_of(act, account, key), account_id=account, act=act.value, at=now))
    session.flush()


def _refuse_suspended(row: Account) -> None:
    if row.suspended_at:
        raise UnlockSuspended


def _state(row: Account) -> PasswordState:
    return PasswordState(row.id, row.locked_at, row.suspended_at)


def _password(row: Account) -> Password:
    return Password(row.wrong_passwords, row.locked_at, row.password_initial)


def _keep(row: Account, password: Password) -> None:
    row.wrong_passwords, row.locked_at, row.password_initial = password.wrong, password.locked_at, password.initial


def _a_year_after(moment: datetime) -> datetime:
    """Return the same moment of the next year; 29 February's is that of the 28th."""
    moment = moment.astimezone(UTC)
    leap_day = (moment.month, moment.day) == (2, 29)
    return moment.replace(year=moment.year + 1, day=28 if leap_day else moment.day)


def _customer(account: Account) -> Customer:
    return Customer(
        account=account.id,
        institution=account.institution,
        number=account.number,
        birth_date=account.birth_date,
        phone=account.phone,
        email=account.email,
        branch=account.branch,
        branch_number=account.branch_number,
        agent=account.agent,
    )
