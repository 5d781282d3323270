"""Tables of the embedded core system: what a firm's own system of record would hold."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actions.storage.base import Base


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
    password_initial: Mapped[bool] = mapped_column(default=False, server_default="0")  # reissued, not yet changed
    branch: Mapped[str] = mapped_column(String(64), default="", server_default="")
    branch_number: Mapped[str] = mapped_column(String(16), default="", server_default="")
    agent: Mapped[str] = mapped_column(String(64), default="", server_default="")


class CertificateRecord(Base):
    __tablename__ = "core_certificate"

    serial: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("core_account.id"), index=True)
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SoftwareToken(Base):
    """One token an account, wherever it is used (`institutions.yml: token_scope`).

    The row is the lock: whoever changes its state reads it `FOR UPDATE`.
    """

    __tablename__ = "core_software_token"

    account_id: Mapped[str] = mapped_column(ForeignKey("core_account.id"), primary_key=True)
    enrolled_at: Mapped[datetime]
    wrong_passwords: Mapped[int] = mapped_column(default=0)
    freezes: Mapped[int] = mapped_column(default=0)
    frozen_until: Mapped[datetime | None]
    frozen_for_good_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(16), default="active", server_default="active")
    # active | suspended | revoked; whether it is frozen stands beside it
    enrolled_in: Mapped[str | None] = mapped_column(String(16))  # invest_app | bank_app
    device: Mapped[str | None] = mapped_column(String(64))
    synchronised_at: Mapped[datetime | None]  # into the other app
    bank_usable_at: Mapped[datetime | None]  # `institutions.yml: token_activation_delay_hours`
    biometrics_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class TokenSeed(Base):
    """The seed of an account's software token, encrypted; gone when the token ends.

    `last_step` only grows, by `UPDATE … WHERE last_step IS NULL OR last_step < :step`, so that a time step is
    accepted once (G5, RFC 6238 5.2).
    """

    __tablename__ = "token_seed"

    account_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)  # AES-GCM with key id, bound to account_id
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    last_key: Mapped[str | None] = mapped_column(String(64))  # of the command whose code that was


class CoreAct(Base):
    """An act that was done, by the digest of its key: the same key again does nothing (`CoreSystem`)."""

    __tablename__ = "core_act"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(32))
    act: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(index=True)
