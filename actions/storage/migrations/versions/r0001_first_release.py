"""The tables of the first release.

A database made before there were revisions has some or all of them: what is there stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "challenge",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(32)),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("sent_to", sa.String(255), nullable=False),
        sa.Column("code_digest", sa.String(64), nullable=False),
        sa.Column("sent_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("resend_at", AT, nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("used_at", AT),
        sa.Column("used_reference", sa.String(48)),
        sa.Column("spent_at", AT),
        sa.Column("superseded_at", AT),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("challenge_by_conversation", "challenge", ["conversation", "sent_at"], if_not_exists=True)
    op.create_index("ix_challenge_identity", "challenge", ["identity"], if_not_exists=True)
    op.create_table(
        "core_account",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("institution", sa.String(16), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("phone", sa.String(255)),
        sa.Column("email", sa.String(255)),
        sa.Column("wrong_passwords", sa.Integer(), nullable=False),
        sa.Column("locked_at", AT),
        sa.Column("suspended_at", AT),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("institution", "number"),
        if_not_exists=True,
    )
    op.create_table(
        "error_report",
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("institution", sa.String(16), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("platform", sa.String(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("contact_ciphertext", sa.LargeBinary()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("filed_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
        sa.UniqueConstraint("key"),
        if_not_exists=True,
    )
    op.create_table(
        "identification",
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("institution", sa.String(16), nullable=False),
        sa.Column("account_reference", sa.String(48), nullable=False),
        sa.Column("account_ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("birth_date_reference", sa.String(48)),
        sa.Column("identity", sa.String(64)),
        sa.Column("account_id", sa.String(32)),
        sa.Column("sms", sa.String(255)),
        sa.Column("email", sa.String(255)),
        sa.Column("completed_at", AT),
        sa.PrimaryKeyConstraint("conversation"),
        if_not_exists=True,
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("at_most_once", sa.Boolean(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", AT, nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.Column("sent_at", AT),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("outbox_due", "outbox", ["state", "due_at"], if_not_exists=True)
    op.create_table(
        "report_contact",
        sa.Column("reference", sa.String(48), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("masked", sa.String(255), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("reference"),
        if_not_exists=True,
    )
    op.create_table(
        "unlock",
        sa.Column("receipt", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("challenge_id", sa.String(32), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("receipt"),
        sa.UniqueConstraint("account_id", "day"),
        sa.UniqueConstraint("challenge_id"),
        if_not_exists=True,
    )
    op.create_table(
        "vault",
        sa.Column("reference", sa.String(48), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("taken_at", AT),
        sa.PrimaryKeyConstraint("reference"),
        if_not_exists=True,
    )
    op.create_index("ix_vault_expires_at", "vault", ["expires_at"], if_not_exists=True)
    op.create_table(
        "core_certificate",
        sa.Column("serial", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("valid_from", AT, nullable=False),
        sa.Column("valid_until", AT, nullable=False),
        sa.Column("revoked_at", AT),
        sa.ForeignKeyConstraint(["account_id"], ["core_account.id"]),
        sa.PrimaryKeyConstraint("serial"),
        if_not_exists=True,
    )
    op.create_index("ix_core_certificate_account_id", "core_certificate", ["account_id"], if_not_exists=True)
    op.create_table(
        "core_software_token",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("enrolled_at", AT, nullable=False),
        sa.Column("wrong_passwords", sa.Integer(), nullable=False),
        sa.Column("freezes", sa.Integer(), nullable=False),
        sa.Column("frozen_until", AT),
        sa.Column("frozen_for_good_at", AT),
        sa.ForeignKeyConstraint(["account_id"], ["core_account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
        if_not_exists=True,
    )
