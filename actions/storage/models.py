"""Every table of the account-security database, and those of the conversations themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base, UtcTime
from actions.storage.core import Account, CertificateRecord, CoreAct, SoftwareToken, TokenSeed
from actions.storage.evidence import AuditEntry, AuditHead, Protection
from actions.storage.limits import CodeSend, GuessBudget, LedgerEntry
from actions.storage.notices import Event, Notice
from actions.storage.pending_acts import PendingAct

__all__ = [
    "Account",
    "AuditEntry",
    "AuditHead",
    "Base",
    "CertificateRecord",
    "CertificateRenewal",
    "ChallengeRecord",
    "CodeSend",
    "CoreAct",
    "ErrorReport",
    "Event",
    "GuessBudget",
    "Identification",
    "LedgerEntry",
    "Notice",
    "OutboxMessage",
    "PendingAct",
    "Protection",
    "ReportContact",
    "SoftwareToken",
    "TokenSeed",
    "UtcTime",
    "VaultEntry",
]

IN_PROGRESS = text("closed_at IS NULL")


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
    given_at: Mapped[datetime | None] = mapped_column(default=func.now())  # for retention alone


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
    destination: Mapped[str] = mapped_column(String(64), default="", server_default="")  # HMAC of the address (G9)
    code_digest: Mapped[str] = mapped_column(String(64))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    resend_at: Mapped[datetime]
    wrong: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]
    used_reference: Mapped[str | None] = mapped_column(String(48))  # of the vault entry that was right
    spent_at: Mapped[datetime | None]  # its authority was used for the effect
    superseded_at: Mapped[datetime | None]


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


class CertificateRenewal(Base):
    """A renewal on its way (`institutions.yml: certificate_otp, certificate_second_check`): one an account at a time.

    `step` is where it stands; `step_id` changes with each, and the next has to carry it (G20), so that of two
    that arrive together one goes on: `UPDATE … WHERE step_id = :carried`.
    """

    __tablename__ = "certificate_renewal"
    __table_args__ = (
        Index(
            "certificate_renewal_in_progress",
            "account_id",
            unique=True,
            sqlite_where=IN_PROGRESS,
            postgresql_where=IN_PROGRESS,
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(32))
    conversation: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # renew | apply
    step: Mapped[str] = mapped_column(String(32))
    taken: Mapped[int] = mapped_column(default=0, server_default="0")  # steps so far
    sent_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    wrong_birth_dates: Mapped[int] = mapped_column(default=0, server_default="0")
    step_id: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str | None] = mapped_column(String(8))
    sent_to: Mapped[str | None]  # masked
    challenge_id: Mapped[str | None] = mapped_column(String(32), unique=True)
    started_at: Mapped[datetime]
    step_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(
        String(16)
    )  # installed | stopped | replaced; unknown: asked of the core
    serial: Mapped[str | None] = mapped_column(String(64), unique=True)  # of the new certificate
    valid_until: Mapped[datetime | None]  # of the new certificate


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
    problem: Mapped[str | None] = mapped_column(String(255))  # why it was not sent the last time
