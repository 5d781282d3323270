"""Counting, notices, the audit, protection, renewals and the states of a software token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

AT = sa.DateTime(timezone=True)
IN_PROGRESS, OPEN = sa.text("closed_at IS NULL"), sa.text("lifted_at IS NULL")
CHAINS, NOTHING_BEFORE = 16, "0" * 64


def upgrade() -> None:
    _counted()
    _told()
    _proved()
    _renewed()
    _software_token()
    _carry_over()


def _counted() -> None:
    """Uses of a day, guesses, sends."""
    op.create_table(
        "guess_budget",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("evaluated", sa.Integer(), nullable=False),
        sa.Column("consecutive_wrong", sa.Integer(), nullable=False),
        sa.Column("hotline_only_at", AT),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "code_send",
        sa.Column("challenge_id", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("challenge_id"),
        sa.UniqueConstraint("subject", "number"),
    )
    op.create_index("code_send_by_time", "code_send", ["subject", "at"])
    op.create_table(
        "ledger",
        sa.Column("receipt", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("receipt"),
        sa.UniqueConstraint("account_id", "kind", "day", "number"),
        sa.UniqueConstraint("key"),
    )


def _told() -> None:
    """Events in, notices out."""
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("received_at", AT, nullable=False),
        sa.Column("platform", sa.String(255)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("event_by_account", "event", ["account_id", "at"])
    op.create_table(
        "notice",
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("event_id", sa.String(64)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("platform", sa.String(255)),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("mailbox", sa.String(255), nullable=False),
        sa.Column("outbox_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
        sa.UniqueConstraint("event_id", "kind"),
        sa.UniqueConstraint("outbox_id"),
    )
    op.create_index("notice_by_account", "notice", ["account_id", "at"])


def _proved() -> None:
    """The audit's sixteen chains, and protected accounts."""
    op.create_table(
        "audit",
        sa.Column("chain", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq"),
    )
    op.create_table(
        "audit_head",
        sa.Column("chain", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("start_seq", sa.Integer(), nullable=False),
        sa.Column("start_hash", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain"),
    )
    op.create_table(
        "protection",
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("since", AT, nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("evidence_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("lifted_at", AT),
        sa.Column("lifted_by", sa.String(64)),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_index("protection_by_account", "protection", ["account_id", "since"])
    op.create_index(
        "protection_open", "protection", ["account_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    heads = sa.table("audit_head", *(sa.column(n) for n in ("chain", "seq", "hash", "start_seq", "start_hash", "seal")))
    empty = {"seq": 0, "hash": NOTHING_BEFORE, "start_seq": 0, "start_hash": NOTHING_BEFORE, "seal": ""}
    op.bulk_insert(heads, [{"chain": chain, **empty} for chain in range(CHAINS)])


def _renewed() -> None:
    """Certificate renewals on their way."""
    op.create_table(
        "certificate_renewal",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("step_id", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(8)),
        sa.Column("sent_to", sa.String(255)),
        sa.Column("challenge_id", sa.String(32)),
        sa.Column("started_at", AT, nullable=False),
        sa.Column("step_at", AT, nullable=False),
        sa.Column("closed_at", AT),
        sa.Column("outcome", sa.String(16)),
        sa.Column("serial", sa.String(64)),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("challenge_id"),
        sa.UniqueConstraint("serial"),
    )
    op.create_index(
        "certificate_renewal_in_progress",
        "certificate_renewal",
        ["account_id"],
        unique=True,
        sqlite_where=IN_PROGRESS,
        postgresql_where=IN_PROGRESS,
    )
    op.create_index("ix_certificate_renewal_conversation", "certificate_renewal", ["conversation"])


def _software_token() -> None:
    """What the states of a software token need."""
    op.add_column("core_software_token", sa.Column("status", sa.String(16), server_default="active", nullable=False))
    op.add_column("core_software_token", sa.Column("enrolled_in", sa.String(16)))
    op.add_column("core_software_token", sa.Column("synchronised_at", AT))
    op.add_column("core_software_token", sa.Column("bank_usable_at", AT))
    op.add_column("core_software_token", sa.Column("biometrics_at", AT))
    op.add_column("core_software_token", sa.Column("frozen_at", AT))
    op.add_column("core_software_token", sa.Column("suspended_at", AT))
    op.add_column("core_software_token", sa.Column("revoked_at", AT))
    op.add_column("core_software_token", sa.Column("seed_ciphertext", sa.LargeBinary()))
    op.add_column("core_software_token", sa.Column("last_step", sa.BigInteger()))


def _carry_over() -> None:
    """Frozen tokens are frozen, and unlocks of today count in the ledger."""
    op.execute("UPDATE core_software_token SET status = 'frozen' WHERE frozen_until IS NOT NULL")
    op.execute("UPDATE core_software_token SET status = 'frozen_for_good' WHERE frozen_for_good_at IS NOT NULL")
    op.execute(
        "INSERT INTO ledger (receipt, key, fingerprint, account_id, day, kind, number, channel, at) "
        "SELECT receipt, challenge_id, '', account_id, day, 'unlock_password', 1, 'chat', at FROM unlock"
    )
