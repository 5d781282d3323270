"""What the use cases need from outside, as small Protocols. `bootstrap` fills them; tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.orm import Session

from actions.security.notices import Event
from actions.security.password_unlock import Certificate, PasswordState
from actions.security.secret import Secret
from actions.security.sends import SendRules
from actions.security.software_token import SoftwareToken


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware, in UTC."""


class Cipher(Protocol):
    """Authenticated encryption; `context` binds a ciphertext to its row."""

    def seal(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes: ...


class TimeCodes(Protocol):
    """Codes of a software token by time step (RFC 6238)."""

    def new_seed(self) -> bytes: ...

    def codes_of(self, seed: bytes, digits: int) -> Callable[[int], Secret]: ...


@dataclass(frozen=True)
class Customer:
    """What the core system tells about an account. Never logged, never shown unmasked."""

    account: str  # the core system's own id
    institution: str
    number: str = field(repr=False)
    birth_date: date = field(repr=False)
    phone: str | None = field(repr=False)
    email: str | None = field(repr=False)
    branch: str = ""
    branch_number: str = ""
    agent: str = ""


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate that is on record from now on."""

    serial: str
    valid_until: datetime


class CoreSystem(Protocol):
    """The firm's system of record.

    What is read for a decision stays true until the caller's transaction ends, or the act that rests on it is
    refused there: every act looks again by itself. Acts carry a `key`: the same key again is the same act, done
    once, with the same result; one that was refused is looked at anew. Any call may raise `CoreUnavailable` (nothing was done) and an act
    `CoreOutcomeUnknown` (asked again, and nobody knows yet: the same key later tells).
    """

    apart: bool  # what it did stays done where the caller's transaction does not commit

    def find(self, session: Session, institution: str, number: Secret) -> Customer | None: ...

    def customer(self, session: Session, account: str) -> Customer: ...

    def mail_domains(self, session: Session, institution: str) -> Sequence[str]:
        """Return mail domains that customers have, as often as they have them; never empty, always in one order."""

    def password(self, session: Session, account: str) -> PasswordState:
        """Return the state, locked against change until the transaction ends."""

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]: ...

    def token(self, session: Session, account: str) -> SoftwareToken:
        """Return the software token, locked against change until the transaction ends; status NONE where there is none."""

    def unlock_password(self, session: Session, account: str, key: str) -> None:
        """Clear the lock and the count of wrong entries; nothing else changes (G17).

        Raise `UnlockSuspended`, `UnlockNotLocked` or `UnlockNoCertificate` as it is then (G16).
        """

    def reissue_password(self, session: Session, account: str, key: str) -> None:
        """Replace the password by an initial one, open whatever it was (`institutions.yml: reissue_notice`).

        Raise `UnlockSuspended` or `ReissueNoCertificate` as it is then.
        """

    def issue_certificate(self, session: Session, account: str, way: str, key: str) -> IssuedCertificate:
        """Put a new certificate on record; `way` is renew or apply.

        Raise `UnlockSuspended` or `RenewalNoCertificate` as it is then.
        """

    def suspend_login(self, session: Session, account: str, key: str) -> None:
        """Let nobody log in online until `restore_login`; twice is once."""

    def restore_login(self, session: Session, account: str, key: str) -> None: ...

    def keep_token(self, session: Session, account: str, token: SoftwareToken, key: str) -> None:
        """Store what became of the token that `token()` returned in this transaction."""

    def happened(self, session: Session, account: str, event: Event) -> Sequence[str]:
        """Take note of an event and return the kinds of notice it makes, in order (`security/notices.py: NOTICES`).

        Our own tables count wrong passwords here, and lock at the third in this transaction (G14); elsewhere the core
        that sent the event has counted already.
        """


@dataclass(frozen=True)
class Message:
    """A message as it leaves the house. `code` is named for the embedded outbox alone."""

    id: str
    channel: str  # sms | email
    to: str
    subject: str
    text: str
    html: str
    code: str | None = None
    ttl_seconds: int | None = None  # how long what it says is good, from now on; None: for ever


class NotSent(Exception):
    """The message did not leave, and may another time; the text names the reason without content and address.

    NotSent
    ├── RefusedForGood     never: trying again helps nobody
    └── OutcomeUnknown     it may have left: a code is not sent again, a notice is (Pattern F)
    """


class RefusedForGood(NotSent):
    """The other side answered that it does not take this message."""


class OutcomeUnknown(NotSent):
    """The message was handed over and no answer says what became of it."""


class Messenger(Protocol):
    def send(self, message: Message) -> None:
        """Hand the message over under its id, by which a repeat is known; raise `NotSent`."""


class Templates(Protocol):
    def render(
        self, kind: str, channel: str, language: str, values: Mapping[str, str], institution: str
    ) -> tuple[str, str, str]:
        """Return subject, text and HTML as `institution` writes them."""


@dataclass(frozen=True)
class OtpRules:
    """How one institution sends codes (`institutions.yml`)."""

    digits: int
    ttl_seconds: Mapping[str, int]  # by channel; a channel that is missing is not offered
    wrong_attempts: int
    sends: SendRules
