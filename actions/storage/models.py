"""Tables of the account-security database. Times are stored in UTC and read back aware."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, Index, LargeBinary, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """An aware time; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcTime, str: String(255)}


# --- embedded core system -------------------------------------------------------------------------


class Account(Base):
    """A customer's securities account, as the firm's core system would hold it."""

    __tablename__ = "core_account"
    __table_args__ = (UniqueConstraint("institution", "number"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    institution: Mapped[str] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(32))
    name: Mapped[str]
    birth_date: Mapped[date]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    wrong_passwords: Mapped[int] = mapped_column(default=0)
    locked_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]


class CertificateRecord(Base):
    __tablename__ = "core_certificate"

    serial: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("core_account.id"), index=True)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SoftwareToken(Base):
    __tablename__ = "core_software_token"

    account_id: Mapped[str] = mapped_column(ForeignKey("core_account.id"), primary_key=True)
    enrolled_at: Mapped[datetime]
    wrong_passwords: Mapped[int] = mapped_column(default=0)
    freezes: Mapped[int] = mapped_column(default=0)
    frozen_until: Mapped[datetime | None]
    frozen_for_good_at: Mapped[datetime | None]


# --- this product's own ---------------------------------------------------------------------------


class VaultEntry(Base):
    """A secret on its way from a field to its use: encrypted, taken once, gone after minutes."""

    __tablename__ = "vault"

    reference: Mapped[str] = mapped_column(String(48), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    conversation: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    taken_at: Mapped[datetime | None]


class Identification(Base):
    """Who a conversation says it is. `account_id` stays empty when nobody matches; nothing else differs."""

    __tablename__ = "identification"

    conversation: Mapped[str] = mapped_column(String(64), primary_key=True)
    institution: Mapped[str] = mapped_column(String(16))
    account_reference: Mapped[str] = mapped_column(String(48))  # of the vault entry it was made from
    account_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    birth_date_reference: Mapped[str | None] = mapped_column(String(48))
    identity: Mapped[str | None] = mapped_column(String(64))  # HMAC of the details, of strangers too
    account_id: Mapped[str | None] = mapped_column(String(32))
    sms: Mapped[str | None]  # masked
    email: Mapped[str | None]  # masked
    completed_at: Mapped[datetime | None]


class ChallengeRecord(Base):
    __tablename__ = "challenge"
    __table_args__ = (Index("challenge_by_conversation", "conversation", "sent_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation: Mapped[str] = mapped_column(String(64))
    identity: Mapped[str] = mapped_column(String(64), index=True)
    account_id: Mapped[str | None] = mapped_column(String(32))
    purpose: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(8))
    sent_to: Mapped[str]  # masked
    code_digest: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    resend_at: Mapped[datetime]
    wrong: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]
    used_reference: Mapped[str | None] = mapped_column(String(48))  # of the vault entry that was right
    spent_at: Mapped[datetime | None]  # its authority was used for the effect
    superseded_at: Mapped[datetime | None]


class Unlock(Base):
    """One self-service unlock a day: the unique key decides, not a query (G15)."""

    __tablename__ = "unlock"
    __table_args__ = (UniqueConstraint("account_id", "day"), UniqueConstraint("challenge_id"))

    receipt: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(32))
    day: Mapped[date]
    challenge_id: Mapped[str] = mapped_column(String(32))
    conversation: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class ReportContact(Base):
    """How to reach the customer about a report that is still being written. Encrypted."""

    __tablename__ = "report_contact"

    reference: Mapped[str] = mapped_column(String(48), primary_key=True)  # of the vault entry
    conversation: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    masked: Mapped[str]
    at: Mapped[datetime]


class ErrorReport(Base):
    __tablename__ = "error_report"

    reference: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)  # made when the form opens (G23)
    fingerprint: Mapped[str] = mapped_column(String(64))
    institution: Mapped[str] = mapped_column(String(16))
    conversation: Mapped[str] = mapped_column(String(64))
    platform: Mapped[str]
    description: Mapped[str] = mapped_column(Text)
    since: Mapped[str] = mapped_column(Text)
    contact_ciphertext: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(16), default="received")
    filed_at: Mapped[datetime]


class OutboxMessage(Base):
    """A message that leaves after the commit that wrote it. Content and address are encrypted, and gone once sent."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_due", "state", "due_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # one_time_code | password_unlocked
    channel: Mapped[str] = mapped_column(String(8))
    at_most_once: Mapped[bool]
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(8), default="queued")  # queued | sending | sent | dead | void
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime]
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
