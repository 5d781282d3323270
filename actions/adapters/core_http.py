"""A firm's own core system by HTTP, as deploy/core-system.openapi.yml describes it.

Two of our replicas that act at once: reads and acts of one account take turns, by `hold` in the place where our own
tables lock the account's row. If that is lost (a transaction that the database ended while the firm was working), the
firm decides: one key is one act, and an act whose condition is no longer true is refused. What was done at the firm
stays done when our transaction rolls back; the same key tells so when the act is asked for again.

Every path is fixed: account and number stand in bodies, for what is in a URL stands in logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from actions.adapters import core_answers as read
from actions.adapters.core_acts import Act, key_of
from actions.adapters.core_answers import Malformed, Told
from actions.adapters.core_exchange import TRANSACTION_SECONDS, Exchange
from actions.security.errors import CoreUnavailable
from actions.security.notices import Event, notices_of
from actions.security.password_unlock import Certificate, PasswordState
from actions.security.secret import Secret
from actions.security.software_token import SoftwareToken
from actions.services.ports import Customer, IssuedCertificate
from actions.storage.locks import hold

DOMAINS_KEPT_SECONDS = 600.0

T = TypeVar("T")


class HttpCore:
    """The port over one firm's `exchange`; a session is only what our own replicas take turns by."""

    apart = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._domains: dict[str, tuple[float, Sequence[str]]] = {}

    def find(self, session: Session, institution: str, number: Secret) -> Customer | None:
        """One exchange, whether the number is a customer's or nobody's (G12)."""
        asked = {"institution": institution, "number": number.reveal()}

        def take(told: Told) -> Customer | None:
            found = told.or_none("customer", lambda name: read.customer(told.object(name)))
            if found and (found.institution, Secret(found.number)) != (institution, number):
                raise Malformed("another customer")
            return found

        return self._exchange.read("/accounts/find", asked, take, _until(session))

    def customer(self, session: Session, account: str) -> Customer:
        def take(told: Told) -> Customer:
            return _of(read.customer(told.object("customer")), account)

        return self._exchange.read("/accounts/read", {"account": account}, take, _until(session))

    def mail_domains(self, session: Session, institution: str) -> Sequence[str]:
        """Kept for ten minutes, and longer while the firm does not answer: they hardly change."""
        until, domains = self._domains.get(institution, (0.0, ()))
        if time.monotonic() < until:
            return domains
        try:
            asked = {"institution": institution}
            domains = self._exchange.read("/mail-domains/read", asked, read.mail_domains, _until(session))
        except CoreUnavailable:
            if not domains:
                raise
        self._domains[institution] = (time.monotonic() + DOMAINS_KEPT_SECONDS, domains)
        return domains

    def password(self, session: Session, account: str) -> PasswordState:
        return self._read(session, "/password/read", account, lambda told: _of(read.password(told), account))

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]:
        def take(told: Told) -> Sequence[Certificate]:
            _named(told, account)
            return read.certificates(told)

        return self._read(session, "/certificates/read", account, take)

    def token(self, session: Session, account: str) -> SoftwareToken:
        """Remembers the version for this transaction: the firm refuses to keep what became of an older one."""

        def take(told: Told) -> SoftwareToken:
            _named(told, account)
            session.info[_version(account)] = told.like("version", read.VERSION)
            return read.token(told.object("token"))

        return self._read(session, "/token/read", account, take)

    def unlock_password(self, session: Session, account: str, key: str) -> None:
        """Raise `UnlockSuspended`, `UnlockNotLocked` or `UnlockNoCertificate` where the firm sees it so now."""
        self._act(session, Act.UNLOCK_PASSWORD, "/password/unlock", account, key)

    def reissue_password(self, session: Session, account: str, key: str) -> None:
        """Raise `UnlockSuspended` or `ReissueNoCertificate`."""
        self._act(session, Act.REISSUE_PASSWORD, "/password/reissue", account, key)

    def issue_certificate(self, session: Session, account: str, way: str, key: str) -> IssuedCertificate:
        """Raise `UnlockSuspended` or `RenewalNoCertificate`."""
        return self._do(session, Act.ISSUE_CERTIFICATE, "/certificates/issue", account, key, read.issued, way=way)

    def suspend_login(self, session: Session, account: str, key: str) -> None:
        self._act(session, Act.SUSPEND_LOGIN, "/login/suspend", account, key)

    def restore_login(self, session: Session, account: str, key: str) -> None:
        self._act(session, Act.RESTORE_LOGIN, "/login/restore", account, key)

    def keep_token(self, session: Session, account: str, token: SoftwareToken, key: str) -> None:
        """Raise `ValueError` where `token()` was not asked in this transaction, `CoreUnavailable` where it changed."""
        version = session.info.pop(_version(account), None)
        if version is None:
            raise ValueError("a token is kept after it was read")
        self._act(session, Act.KEEP_TOKEN, "/token/keep", account, key, token=read.told_of(token), version=version)

    def happened(self, session: Session, account: str, event: Event) -> Sequence[str]:
        _take_turn(session, account)
        return [notice.kind for notice in notices_of(event, ZoneInfo("UTC"))]

    def close(self) -> None:
        self._exchange.close()

    def _read(self, session: Session, path: str, account: str, take: Callable[[Told], T]) -> T:
        _take_turn(session, account)
        return self._exchange.read(path, {"account": account}, take, _until(session))

    def _act(self, session: Session, act: Act, path: str, account: str, key: str, **more: object) -> None:
        self._do(session, act, path, account, key, lambda _: None, **more)

    def _do(
        self, session: Session, act: Act, path: str, account: str, key: str, take: Callable[[Told], T], **more: object
    ) -> T:
        _take_turn(session, account)
        asked = {"account": account, **more}
        return self._exchange.act(act, path, key_of(act, account, key), asked, take, _until(session))


def _until(session: Session) -> float:
    """Return when the transaction has no more time for the core system; it begins with the first question."""
    until: float = session.info.setdefault("core until", time.monotonic() + TRANSACTION_SECONDS)
    return until


def _take_turn(session: Session, account: str) -> None:
    """Wait for whoever reads or acts on `account` until their transaction ends."""
    session.connection()  # SQLite: begins the transaction, and so takes the one write lock
    hold(session, f"core {account}")


K = TypeVar("K", Customer, PasswordState)


def _of(told: K, account: str) -> K:
    """Return what was told if it is about `account`."""
    if told.account != account:
        raise Malformed("another account")
    return told


def _named(told: Told, account: str) -> None:
    if told.like("account", read.ID) != account:
        raise Malformed("another account")


def _version(account: str) -> str:
    return f"version of the token of {account}"
