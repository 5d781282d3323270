"""Tables of what must be provable later: the audit's chains, and the protection of an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base

OPEN = text("lifted_at IS NULL")


class AuditEntry(Base):
    """One decision: who, what, about whom (digest only), outcome and why. Each carries the hash of the one before."""

    __tablename__ = "audit"

    chain: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # from 1, without a gap
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))  # HMAC
    outcome: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of a chain, and where it starts once old entries are purged; its row is the lock of the chain."""

    __tablename__ = "audit_head"

    chain: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(String(64))
    start_seq: Mapped[int] = mapped_column(default=0)  # the last entry that was purged
    start_hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64), default="")  # HMAC of the four above; empty before the first entry


class Protection(Base):
    """An account whose owner said "not me": one that is open at a time; lifted by the hotline alone."""

    __tablename__ = "protection"
    __table_args__ = (
        Index("protection_open", "account_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
        Index("protection_by_account", "account_id", "since"),
    )

    reference: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(32))
    since: Mapped[datetime]
    conversation: Mapped[str] = mapped_column(String(64))
    evidence_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    login_suspended_at: Mapped[datetime | None]  # by the core system; empty while it does not answer
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(64))
