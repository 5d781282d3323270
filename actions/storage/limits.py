"""Tables of what is counted: uses of a day, guesses, sends. In each a unique key decides who was first."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base


class LedgerEntry(Base):
    """What a customer has used on a day, over every channel, with its receipt.

    `number` is the n-th use of its kind that day: for what is once a day it is always 1, and the unique key
    refuses the second (`institutions.yml: self_unlock_per_day`, G15). `key` names the command: the same
    command again finds its receipt, with another `fingerprint` it is refused (G24).
    """

    __tablename__ = "ledger"
    __table_args__ = (UniqueConstraint("account_id", "kind", "day", "number"),)

    receipt: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[str] = mapped_column(String(32))
    day: Mapped[date]  # in the institution's zone
    kind: Mapped[str] = mapped_column(String(32))
    number: Mapped[int] = mapped_column(default=1)
    channel: Mapped[str] = mapped_column(String(16))  # chat | hotline | other
    conversation: Mapped[str | None] = mapped_column(String(64), index=True)
    at: Mapped[datetime]


class GuessBudget(Base):
    """Guesses at codes of one subject, over all channels, purposes and conversations (G6).

    One row a subject, paid by one guarded `UPDATE` before the guess is judged; its row count decides.
    `evaluated` belongs to `day`; `consecutive_wrong` goes on over midnight.
    """

    __tablename__ = "guess_budget"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)  # account, or HMAC of a stranger's details
    day: Mapped[date]
    evaluated: Mapped[int] = mapped_column(default=0)
    consecutive_wrong: Mapped[int] = mapped_column(default=0)
    hotline_only_at: Mapped[datetime | None]


class CodeSend(Base):
    """One code on its way (G8). `number` is the subject's n-th: two at once want the same one, and one loses."""

    __tablename__ = "code_send"
    __table_args__ = (UniqueConstraint("subject", "number"), Index("code_send_by_time", "subject", "at"))

    challenge_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]
