"""What the use cases need from outside, as small Protocols. `bootstrap` fills them; tests fake them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.orm import Session

from actions.security.password_unlock import Certificate, PasswordState
from actions.security.secret import Secret


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time, aware, in UTC."""


class Cipher(Protocol):
    """Authenticated encryption; `context` binds a ciphertext to its row."""

    def seal(self, plain: bytes, context: str) -> bytes: ...

    def open(self, sealed: bytes, context: str) -> bytes: ...


@dataclass(frozen=True)
class Customer:
    """What the core system tells about an account. Never logged, never shown unmasked."""

    account: str  # the core system's own id
    birth_date: date
    phone: str | None
    email: str | None


class CoreSystem(Protocol):
    """The firm's system of record. Calls take part in the caller's transaction where they can."""

    def find(self, session: Session, institution: str, number: Secret) -> Customer | None: ...

    def customer(self, session: Session, account: str) -> Customer: ...

    def mail_domains(self, session: Session, institution: str) -> Sequence[str]:
        """Return mail domains that customers have, as often as they have them; never empty, always in one order."""

    def password(self, session: Session, account: str) -> PasswordState:
        """Return the state, locked against change until the transaction ends."""

    def certificates(self, session: Session, account: str) -> Sequence[Certificate]: ...

    def unlock_password(self, session: Session, account: str) -> None:
        """Clear the lock and the count of wrong entries; nothing else changes (G17)."""


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


class NotSent(Exception):
    """The message certainly did not leave, or nobody knows; the text names the reason without its content."""


class Messenger(Protocol):
    def send(self, message: Message) -> None:
        """Hand the message over; raise `NotSent`."""


class Templates(Protocol):
    def render(self, kind: str, channel: str, language: str, values: Mapping[str, str]) -> tuple[str, str, str]:
        """Return subject, text and HTML."""


@dataclass(frozen=True)
class OtpRules:
    """How one institution sends codes (`institutions.yml`)."""

    digits: int
    ttl_seconds: Mapping[str, int]  # by channel; a channel that is missing is not offered
    resend_seconds: int
    wrong_attempts: int
