"""What the use cases keep besides: one ledger, renewals by step, where a code went, seeds apart from the core's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _one_ledger()
    _core()
    _codes()
    _renewals()


def _one_ledger() -> None:
    """Unlocks made since revision 2 move into the ledger; the table of their own goes."""
    op.execute(
        "INSERT INTO ledger (receipt, key, fingerprint, account_id, day, kind, number, channel, at) "
        "SELECT receipt, challenge_id, '', account_id, day, 'unlock_password', 1, 'chat', at FROM unlock "
        "WHERE receipt NOT IN (SELECT receipt FROM ledger)"
    )
    op.add_column("ledger", sa.Column("conversation", sa.String(64)))
    op.create_index("ix_ledger_conversation", "ledger", ["conversation"])
    op.drop_table("unlock")


def _core() -> None:
    op.add_column("core_account", sa.Column("password_initial", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("core_account", sa.Column("branch", sa.String(64), server_default="", nullable=False))
    op.add_column("core_account", sa.Column("branch_number", sa.String(16), server_default="", nullable=False))
    op.add_column("core_account", sa.Column("agent", sa.String(64), server_default="", nullable=False))
    op.add_column("core_software_token", sa.Column("device", sa.String(64)))
    op.drop_column("core_software_token", "seed_ciphertext")
    op.drop_column("core_software_token", "last_step")
    op.execute("UPDATE core_software_token SET status = 'active' WHERE status IN ('frozen', 'frozen_for_good')")
    op.execute("UPDATE core_software_token SET enrolled_in = 'invest_app' WHERE enrolled_in IS NULL")
    op.create_table(
        "token_seed",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account_id"),
    )


def _codes() -> None:
    """A code is bound to the address it went to, not only to its masked form (G9)."""
    op.add_column("challenge", sa.Column("destination", sa.String(64), server_default="", nullable=False))
    op.add_column("notice", sa.Column("institution", sa.String(16), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("problem", sa.String(255)))


def _renewals() -> None:
    op.add_column("certificate_renewal", sa.Column("taken", sa.Integer(), server_default="0", nullable=False))
    op.add_column("certificate_renewal", sa.Column("sent_at", AT))
    op.add_column("certificate_renewal", sa.Column("verified_at", AT))
    op.add_column(
        "certificate_renewal", sa.Column("wrong_birth_dates", sa.Integer(), server_default="0", nullable=False)
    )
