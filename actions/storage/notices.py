"""Tables of events that come in and the notices that tell of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base


class Event(Base):
    """Something that happened to an account elsewhere, told once: the id is unique, the digest tells a changed one."""

    __tablename__ = "event"
    __table_args__ = (Index("event_by_account", "account_id", "at"),)

    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    platform: Mapped[str | None]
    digest: Mapped[str] = mapped_column(String(64))


class Notice(Base):
    """One of the security e-mails (`notices.yml`), findable by its reference; one of a kind an event."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("event_id", "kind"), Index("notice_by_account", "account_id", "at"))

    reference: Mapped[str] = mapped_column(String(32), primary_key=True)
    event_id: Mapped[str | None] = mapped_column(String(64))  # None: our own effect made it, not an event
    kind: Mapped[str] = mapped_column(String(32))
    institution: Mapped[str] = mapped_column(String(16), default="", server_default="")
    account_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    platform: Mapped[str | None]
    language: Mapped[str] = mapped_column(String(16))
    mailbox: Mapped[str]  # masked
    outbox_id: Mapped[str] = mapped_column(String(32), unique=True)
