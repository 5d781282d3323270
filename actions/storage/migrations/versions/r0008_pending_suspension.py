"""When the core system suspended the login of a protected account; empty while it does not answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("protection", sa.Column("login_suspended_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE protection SET login_suspended_at = since")
