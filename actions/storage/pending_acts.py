"""The table of acts whose answer is not known yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base


class PendingAct(Base):
    """What a firm's own core system is about to be asked for, or was asked for without an answer; gone once it is known.

    `key` is the command's, of the ledger too. One of a kind for an account: who asks again goes on with the first.
    """

    __tablename__ = "pending_act"

    account_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)  # unlock_password | reissue_password
    key: Mapped[str] = mapped_column(String(64))
    institution: Mapped[str] = mapped_column(String(16))
    channel: Mapped[str] = mapped_column(String(16))  # chat | hotline
    conversation: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]  # when it was allowed: its day is the day of this
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]  # when nobody has heard of it since, it is asked again
