"""Tables of the conversation log. Nothing secret is ever written to them: see bot/gateway/secrets.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Float, ForeignKey, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """An aware time; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcTime, str: String(255), dict[str, Any]: JSON, list[dict[str, Any]]: JSON}


class ConversationRow(Base):
    """One customer's conversation with one institution. The browser holds a token, of which only a hash is here."""

    __tablename__ = "conversation"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    reference: Mapped[str] = mapped_column(String(16))  # read out to the hotline; gives no access
    institution: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8))
    link: Mapped[bool]  # opened from a link in a message
    notice: Mapped[str] = mapped_column(
        String(24), default="", server_default=""
    )  # reference of the notice whose link that was
    last_seq: Mapped[int] = mapped_column(default=0)
    turn_seq: Mapped[int] = mapped_column(default=0)  # of the customer's latest message
    awaiting: Mapped[dict[str, Any] | None]  # the `ask` that is open
    turn_mark: Mapped[int] = mapped_column(default=0, server_default="0")  # moves when a turn begins or ends
    turn_until: Mapped[float] = mapped_column(
        Float(53), default=0.0, server_default="0"
    )  # whoever has the turn keeps it so long, in seconds since 1970; 0: nobody has it
    opened_at: Mapped[datetime]


class MessageRow(Base):
    __tablename__ = "message"

    conversation: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(String(8))  # bot | customer | staff | system
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8))
    topic: Mapped[str | None] = mapped_column(String(64))
    decision: Mapped[str | None] = mapped_column(String(16))
    buttons: Mapped[list[dict[str, Any]]]  # title and payload; the payload never leaves the house
    ask: Mapped[dict[str, Any] | None]
    source: Mapped[str | None]
    request: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[datetime]


class RequestRow(Base):
    """One message of the customer by its client-made id: accepted once, answered once."""

    __tablename__ = "request"

    conversation: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(8))  # received | answered | failed
    turn: Mapped[dict[str, Any] | None]  # what the engine is asked, kept for a second try
